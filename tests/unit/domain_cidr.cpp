#include "amivirt/domain/cidr.hpp"

#include <gtest/gtest.h>

#include "amivirt/domain/security_group_rules.hpp"
#include "amivirt/domain/virtual_network_filter.hpp"

namespace amivirt {
namespace {

TEST(Cidr, Parses) {
    EXPECT_EQ(Cidr::parse("10.1.2.3/8")->str(), "10.0.0.0/8");
    EXPECT_EQ(Cidr::parse("0.0.0.0/0")->str(), "0.0.0.0/0");
    EXPECT_EQ(Cidr::parse("255.255.255.255/32")->str(), "255.255.255.255/32");
    for (const char* bad : {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "10.0.0.0.0/8", "256.0.0.0/8", "01.0.0.0/8",
                            "10.0.0.0/-1", "10.0.0.0/8 ", " 10.0.0.0/8", "a.b.c.d/8", "10..0.0/8", "10.0.0.0/08x"}) {
        EXPECT_FALSE(Cidr::parse(bad)) << bad;
    }
}

TEST(Cidr, KnowsWhatItContains) {
    const Cidr block = *Cidr::parse("172.31.0.0/20");
    EXPECT_EQ(block.size(), 4096U);
    EXPECT_TRUE(block.contains(*parse_ipv4("172.31.15.255")));
    EXPECT_FALSE(block.contains(*parse_ipv4("172.31.16.0")));
    EXPECT_FALSE(block.contains(*parse_ipv4("172.30.255.255")));
    EXPECT_TRUE(Cidr::parse("172.31.0.0/16")->contains(block));
    EXPECT_FALSE(block.contains(*Cidr::parse("172.31.0.0/16")));
    EXPECT_TRUE(block.overlaps(*Cidr::parse("172.31.0.0/16")));
    EXPECT_FALSE(block.overlaps(*Cidr::parse("172.31.16.0/20")));
    EXPECT_TRUE(Cidr::parse("0.0.0.0/0")->contains(*parse_ipv4("255.255.255.255")));
}

TEST(Cidr, CanonicalIpv6) {
    EXPECT_EQ(canonical_ipv6_cidr("::/0"), "::/0");
    EXPECT_EQ(canonical_ipv6_cidr("2001:DB8::1/32"), "2001:db8::/32");
    EXPECT_EQ(canonical_ipv6_cidr("2001:db8:0:1:0:0:0:1/128"), "2001:db8:0:1::1/128");
    EXPECT_EQ(canonical_ipv6_cidr("1:0:0:2:0:0:0:3/128"), "1:0:0:2::3/128");
    EXPECT_EQ(canonical_ipv6_cidr("::ffff:1.2.3.4/128"), "::ffff:102:304/128");
    EXPECT_EQ(canonical_ipv6_cidr("ffff::/1"), "8000::/1");
    for (const char* bad : {"", "::", "::/129", ":::/0", "1::2::3/64", "1:2:3:4:5:6:7/64", "1:2:3:4:5:6:7:8:9/64", "12345::/16", "g::/16",
                            ":1::/16", "1:/16", "1:2:3:4:5:6:7:8::/64", "1.2.3.4/32"}) {
        EXPECT_FALSE(canonical_ipv6_cidr(bad)) << bad;
    }
}

TEST(SecurityGroupRules, AreKeptInOneForm) {
    SecurityGroupRule rule;
    rule.protocol = "6";
    rule.from = 22;
    rule.to = 22;
    rule.cidr = "10.1.2.3/8";
    const auto kept = normal_rule(rule);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->protocol, "tcp");
    EXPECT_EQ(kept->cidr, "10.0.0.0/8");
    EXPECT_TRUE(same_rule(*kept, *normal_rule(*kept)));
    EXPECT_EQ(describe_rule(*kept), "peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW");
    rule.protocol = "all";
    EXPECT_EQ(normal_rule(rule)->from, -1);
    rule.protocol = "50";
    EXPECT_EQ(normal_rule(rule)->protocol, "50");
    rule.protocol = "256";
    EXPECT_FALSE(normal_rule(rule));
    rule.protocol = "icmp";
    rule.from = 300;
    EXPECT_FALSE(normal_rule(rule));
    rule.protocol = "-1";
    rule.cidr6 = "::/0";
    EXPECT_EQ(normal_rule(rule).error().code, Code::invalid_permission_malformed) << "two sources";
    rule.cidr6.clear();
    rule.description = "<";
    EXPECT_FALSE(normal_rule(rule));
}

TEST(NetworkFilters, OfARecord) {
    Subnet subnet;
    subnet.id = "subnet-1";
    subnet.cidr = "172.31.0.0/20";
    subnet.default_for_zone = true;
    subnet.tags = {{"Name", "front"}};
    const auto met = [&](const std::string& name, std::vector<std::string> values) {
        const std::vector<Filter> filters{{name, std::move(values)}};
        EXPECT_TRUE(check_network_filters<Subnet>(filters)) << name;
        return network_matches(subnet, filters);
    };
    EXPECT_TRUE(met("cidr-block", {"10.*", "172.31.*"}));
    EXPECT_FALSE(met("cidr-block", {}));
    EXPECT_TRUE(met("default-for-az", {"true"}));
    EXPECT_FALSE(met("defaultForAz", {"True"})) << "case matters";
    EXPECT_TRUE(met("tag:Name", {"f?ont"}));
    EXPECT_TRUE(met("tag-key", {"Name"}));
    EXPECT_FALSE(met("tag:name", {"*"}));
    const auto refused = check_network_filters<Subnet>({{"zone-of-it", {"x"}}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "The filter 'zone-of-it' is invalid");
}

TEST(VirtualNetwork, PrivateNames) {
    EXPECT_EQ(private_dns_name("172.31.0.5", "us-east-1"), "ip-172-31-0-5.ec2.internal");
    EXPECT_EQ(private_dns_name("172.31.0.5", "eu-west-1"), "ip-172-31-0-5.eu-west-1.compute.internal");
}

}  // namespace
}  // namespace amivirt
