// Signature Version 4. The first three are of AWS's published test suite; the others are what botocore 1.29 makes of the same key and time.
#include <gtest/gtest.h>

#include "faces/ec2/codes.hpp"
#include "faces/ec2/signature.hpp"

namespace amivirt::ec2 {
namespace {

constexpr std::string_view k_secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const std::string k_form = "Action=DescribeImages&Version=2016-11-15&Filter.1.Name=name&Filter.1.Value.1=a+b%2A";

TimePoint signing_time() { return *parse_iso8601("2015-08-30T12:36:00Z"); }

std::string authorization(const std::string& service, const std::string& signed_headers, const std::string& signature) {
    return "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/" + service + "/aws4_request, SignedHeaders=" + signed_headers +
           ", Signature=" + signature;
}

HttpRequest vanilla(const std::string& method, const std::string& target, const std::string& signature) {
    return {method,
            target,
            {{"Host", "example.amazonaws.com"},
             {"X-Amz-Date", "20150830T123600Z"},
             {"Authorization", authorization("service", "host;x-amz-date", signature)}},
            ""};
}

HttpRequest form() {
    return {"POST",
            "/",
            {{"Host", "127.0.0.1:8773"},
             {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
             {"x-amz-date", "20150830T123600Z"},
             {"authorization",
              authorization("ec2", "content-type;host;x-amz-date", "1ae62c108d9dc4cde9d651465f7eb78bad27954a1723e14c429007602e4ee9e4")},
             {"Content-Length", "83"}},
            k_form};
}

HttpRequest presigned() {
    return {"GET",
            "/?Action=DescribeImages&Version=2016-11-15&Owner.1=self&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%"
            "2F20150830%2F"
            "us-east-1%2Fec2%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="
            "7766143c6e65fef5fed71464228d34ff317c2c5eda27ddcf5a10fba3f7ca4936",
            {{"Host", "127.0.0.1:8773"}},
            ""};
}

Result<void> check(const HttpRequest& request, TimePoint now = signing_time(), std::string_view secret = k_secret) {
    const auto claim = AMIVIRT_TRY(read_claim(request));
    if (!claim) {
        return Error(wire::missing_authentication_token, "unsigned");
    }
    return verify(request, *claim, secret, now);
}

Code refused(const HttpRequest& request, TimePoint now = signing_time(), std::string_view secret = k_secret) {
    const auto checked = check(request, now, secret);
    EXPECT_FALSE(checked.has_value());
    return checked ? Code::internal_error : checked.error().code;
}

TEST(Ec2Signature, PublishedVectors) {
    EXPECT_TRUE(check(vanilla("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")));
    EXPECT_TRUE(check(vanilla("GET", "/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")));
    EXPECT_TRUE(check(vanilla("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b")));
}

TEST(Ec2Signature, FormAndPresigned) {
    EXPECT_TRUE(check(form()));
    EXPECT_TRUE(check(presigned()));
    const auto claim = read_claim(presigned());
    ASSERT_TRUE(claim && *claim);
    EXPECT_EQ((*claim)->key_id, "AKIDEXAMPLE");
    EXPECT_EQ((*claim)->region, "us-east-1");
    EXPECT_EQ((*claim)->service, "ec2");
}

TEST(Ec2Signature, WhateverIsSignedCannotBeChanged) {
    auto body = form();
    body.body += "&DryRun=true";
    EXPECT_EQ(refused(body), wire::signature_does_not_match);
    auto host = form();
    host.headers[0].second = "127.0.0.1:9999";
    EXPECT_EQ(refused(host), wire::signature_does_not_match);
    auto method = form();
    method.method = "PUT";
    EXPECT_EQ(refused(method), wire::signature_does_not_match);
    auto query = presigned();
    query.target.replace(query.target.find("self"), 4, "none");
    EXPECT_EQ(refused(query), wire::signature_does_not_match);
    EXPECT_EQ(refused(form(), signing_time(), "another secret"), wire::signature_does_not_match);
    auto cut = form();
    cut.headers[3].second.pop_back();
    EXPECT_EQ(refused(cut), wire::signature_does_not_match);
}

TEST(Ec2Signature, QuarterOfAnHour) {
    using std::chrono::minutes;
    EXPECT_TRUE(check(form(), signing_time() + minutes(15)));
    EXPECT_TRUE(check(form(), signing_time() - minutes(15)));
    EXPECT_EQ(refused(form(), signing_time() + minutes(15) + Duration{1}), wire::request_expired);
    EXPECT_EQ(refused(form(), signing_time() - minutes(15) - Duration{1}), wire::request_expired);
    EXPECT_TRUE(check(presigned(), signing_time() + minutes(1)));
    EXPECT_EQ(refused(presigned(), signing_time() + minutes(1) + Duration{1}), wire::request_expired);
}

TEST(Ec2Signature, WhatMustBeSigned) {
    auto token = form();
    token.headers.emplace_back("X-Amz-Security-Token", "not signed");
    EXPECT_EQ(refused(token), Code::auth_failure);
    auto host = form();
    host.headers[3].second = authorization("ec2", "content-type;x-amz-date", std::string(64, '0'));
    EXPECT_EQ(refused(host), Code::auth_failure);
    auto day = form();
    day.headers[2].second = "20150831T000000Z";  // not the day of its credential
    EXPECT_EQ(refused(day), Code::auth_failure);
}

TEST(Ec2Signature, FormsThatAreNone) {
    HttpRequest plain{"POST", "/", {{"Host", "127.0.0.1:8773"}}, "Action=DescribeImages"};
    const auto unsigned_request = read_claim(plain);
    ASSERT_TRUE(unsigned_request);
    EXPECT_FALSE(*unsigned_request);
    for (const std::string text : {"Basic abc", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0",
                                   "AWS4-HMAC-SHA256 Credential=/20150830/us-east-1/ec2/aws4_request", "AWS AKID:sig"}) {
        HttpRequest bad = plain;
        bad.headers.emplace_back("Authorization", text);
        const auto claim = read_claim(bad);
        ASSERT_FALSE(claim) << text;
        EXPECT_EQ(claim.error().code, Code::auth_failure) << text;
    }
    auto expires = presigned();
    for (const std::string value : {"0", "604801", "99999999999", "x", ""}) {
        auto changed = expires;
        changed.target.replace(changed.target.find("Expires=60"), 10, "Expires=" + value);
        EXPECT_EQ(refused(changed), Code::invalid_parameter_value) << value;
    }
}

/// 32 KiB hold thousands of headers and of names that are said to be signed: 100 million comparisons if each were searched for each.
TEST(Ec2Signature, ManyHeadersAndManyNamesCostLittle) {
    auto request = form();
    std::string names = "host;x-amz-date";
    for (int i = 0; i < 10000; ++i) {
        request.headers.emplace_back("X-Amz-" + std::to_string(i), "1");
        names += ";x-amz-" + std::to_string(i);
    }
    request.headers[3].second = authorization("ec2", names, std::string(64, '0'));
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(refused(request), wire::signature_does_not_match);
    auto claim = **read_claim(request);
    claim.signature = sign(request, claim, k_secret);
    EXPECT_TRUE(verify(request, claim, k_secret, signing_time()));
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST(Ec2Signature, HeadersOfOneNameAreSignedTogetherInTheirOrder) {
    auto request = form();
    request.headers.emplace_back("My-Header", " a   b ");
    request.headers.emplace_back("my-header", "c");
    Claim claim = **read_claim(request);
    claim.signed_headers = "host;my-header;not-sent";
    const auto canonical = canonical_request(request, claim);
    EXPECT_NE(canonical.find("host:127.0.0.1:8773\nmy-header:a b,c\nnot-sent:\n\nhost;my-header;not-sent\n"), std::string::npos)
        << canonical;
}

}  // namespace
}  // namespace amivirt::ec2
