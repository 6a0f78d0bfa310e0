#include <gtest/gtest.h>

#include "faces/ec2/xml.hpp"

namespace amivirt::ec2 {
namespace {

TEST(Ec2Xml, HostileStringsAreCharacterData) {
    EXPECT_EQ(xml_escape("<a href=\"x\">&amp;</a>"), "&lt;a href=&quot;x&quot;&gt;&amp;amp;&lt;/a&gt;");
    EXPECT_EQ(xml_escape("]]>"), "]]&gt;");
    EXPECT_EQ(xml_escape("line\nfeed\ttab\rreturn"), "line\nfeed\ttab&#13;return");
    EXPECT_EQ(xml_escape("\xE2\x82\xAC \xF0\x9F\x98\x80"), "\xE2\x82\xAC \xF0\x9F\x98\x80");
}

TEST(Ec2Xml, WhatXmlCannotSayIsReplaced) {
    const std::string bad = "\xEF\xBF\xBD";
    EXPECT_EQ(xml_escape(std::string("a\0b", 3)), "a" + bad + "b");
    EXPECT_EQ(xml_escape("\x01\x1b[31m"), bad + bad + "[31m");
    EXPECT_EQ(xml_escape("\xff\xfe"), bad + bad);
    EXPECT_EQ(xml_escape("\xC0\x80"), bad + bad);                      // an overlong NUL
    EXPECT_EQ(xml_escape("\xED\xA0\x80"), bad + bad + bad);            // half a surrogate pair
    EXPECT_EQ(xml_escape("\xEF\xBF\xBF"), bad);                        // U+FFFF
    EXPECT_EQ(xml_escape("\xE2\x82"), bad + bad);                      // cut off
    EXPECT_EQ(xml_escape("\xF4\x90\x80\x80"), bad + bad + bad + bad);  // beyond Unicode
}

TEST(Ec2Xml, Utf8) {
    EXPECT_TRUE(is_utf8(""));
    EXPECT_TRUE(is_utf8("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"));
    for (const std::string_view text : {"\x80", "\xC3", "\xC3(", "\xC1\xBF", "\xE0\x80\x80", "\xF8\x88\x80\x80\x80"}) {
        EXPECT_FALSE(is_utf8(text));
    }
}

TEST(Ec2Xml, PrintableIsShort) {
    EXPECT_EQ(printable("a\nb"),
              "a\xEF\xBF\xBD"
              "b");
    EXPECT_LE(printable(std::string(100000, 'x')).size(), 210U);
}

TEST(Ec2Xml, Elements) {
    Xml out;
    out.text("name", "<");
    out.some("description", "");
    out.boolean("isPublic", std::optional<bool>());
    out.number("size", 8);
    out.list("set", std::vector<int>{1, 2}, [&](int each) { out.number("n", each); });
    out.list("none", std::vector<int>{}, [](int) {});
    out.tags({});
    out.tags({{"k", "v"}});
    EXPECT_EQ(out.str(),
              "<name>&lt;</name><size>8</size><set><item><n>1</n></item><item><n>2</n></item></set><none></none>"
              "<tagSet><item><key>k</key><value>v</value></item></tagSet>");
}

}  // namespace
}  // namespace amivirt::ec2
