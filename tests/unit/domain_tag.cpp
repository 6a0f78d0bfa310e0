#include "amivirt/domain/tag.hpp"

#include <gtest/gtest.h>

#include "domain_samples.hpp"

namespace amivirt {
namespace {

void expect_refused(const Tags& tags, Code code, const std::string& words) {
    const auto checked = check_tags(tags);
    ASSERT_FALSE(checked) << words;
    EXPECT_EQ(checked.error().code, code);
    EXPECT_NE(checked.error().message.find(words), std::string::npos) << checked.error().message;
}

TEST(CheckTags, CountsCharactersNotBytes) {
    EXPECT_TRUE(check_tags({}));
    EXPECT_TRUE(check_tags({{"k", ""}}));
    EXPECT_TRUE(check_tags({{samples::umlauts(127), samples::umlauts(255)}}));
    EXPECT_TRUE(check_tags({{std::string(127, 'k'), std::string(255, 'v')}}));
    expect_refused({{samples::umlauts(128), ""}}, Code::invalid_parameter_value, "128 characters; the most is 127");
    expect_refused({{"k", samples::umlauts(256)}}, Code::invalid_parameter_value, "value of tag \"k\" has 256 characters; the most is 255");
    expect_refused({{"", "orphan"}}, Code::invalid_parameter_value, "\"orphan\"");
}

TEST(CheckTags, AllowsFiftyAndNoMore) {
    Tags tags;
    for (int i = 0; i < 50; ++i) {
        tags[fmt::format("key{}", i)] = "v";
    }
    EXPECT_TRUE(check_tags(tags));
    tags["one more"] = "v";
    expect_refused(tags, Code::tag_limit_exceeded, "51");
}

TEST(CheckTags, ReservesAwsInAnyCase) {
    expect_refused({{"aws:cloudformation:stack", "x"}}, Code::invalid_parameter_value, "\"aws:cloudformation:stack\"");
    expect_refused({{"AWS:x", "x"}}, Code::invalid_parameter_value, "reserved");
    EXPECT_TRUE(check_tags({{"aws", "x"}, {"awsome:", "x"}, {"my-aws:", "aws:"}}));
}

TEST(CheckTags, RefusesWhatXmlCannotCarry) {
    for (const std::string bad : {"\xFF", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "a\x80"}) {
        expect_refused({{bad, ""}}, Code::invalid_parameter_value, "is not UTF-8");
        expect_refused({{"k", bad}}, Code::invalid_parameter_value, "is not UTF-8");
    }
    expect_refused({{"k", std::string("a\0b", 3)}}, Code::invalid_parameter_value, "control character");
    expect_refused({{"k\x1B[31m", ""}}, Code::invalid_parameter_value, "control character");
    EXPECT_TRUE(check_tags({{"k", "two\nlines\t\r<&>\"' \xE2\x82\xAC \xF0\x9F\x98\x80"}}));
}

TEST(ParseTag, SplitsAtTheFirstEquals) {
    EXPECT_EQ(*parse_tag("env=test"), std::pair(std::string("env"), std::string("test")));
    EXPECT_EQ(*parse_tag("env="), std::pair(std::string("env"), std::string()));
    EXPECT_EQ(*parse_tag("env"), std::pair(std::string("env"), std::string()));
    EXPECT_EQ(*parse_tag("url=http://x/?a=b"), std::pair(std::string("url"), std::string("http://x/?a=b")));
    for (const std::string bad : {"", "=", "=value"}) {
        ASSERT_FALSE(parse_tag(bad)) << bad;
        EXPECT_EQ(parse_tag(bad).error().code, Code::invalid_parameter_value);
        EXPECT_NE(parse_tag(bad).error().message.find("\"" + bad + "\""), std::string::npos);
    }
}

TEST(NameTag, IsTheValueOfName) {
    EXPECT_EQ(name_tag({{"Name", "web"}, {"name", "other"}}), "web");
    EXPECT_EQ(name_tag({{"name", "other"}}), "");
}

}  // namespace
}  // namespace amivirt
