#include <gtest/gtest.h>

#include "amivirt/domain/network.hpp"

namespace amivirt {
namespace {

using Kind = NetworkChoice::Kind;

TEST(Network, WordsAndWhatTheyMean) {
    EXPECT_EQ(*parse_network("user"), NetworkChoice{});
    EXPECT_EQ(*parse_network("default"), (NetworkChoice{Kind::network, "default"}));
    EXPECT_EQ(*parse_network("network:user"), (NetworkChoice{Kind::network, "user"}));
    EXPECT_EQ(*parse_network("bridge:br0"), (NetworkChoice{Kind::bridge, "br0"}));
    for (const char* const text : {"user", "network:default", "bridge:br0", "network:bridge:x"}) {
        EXPECT_EQ(to_string(*parse_network(text)), text);
    }
}

TEST(Network, WhatIsNone) {
    for (const std::string& text :
         {std::string(), std::string("network:"), std::string("bridge:"), std::string("a b"), std::string("a\nb"),
          std::string("bridge:../x"), std::string("bridge:sixteen-letters0"), std::string(101, 'n'), std::string("a\0b", 3)}) {
        const auto parsed = parse_network(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, Code::invalid_parameter_value);
    }
}

}  // namespace
}  // namespace amivirt
