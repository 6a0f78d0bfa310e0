#include "amivirt/domain/image.hpp"

#include <gtest/gtest.h>

#include "domain_samples.hpp"

namespace amivirt {
namespace {

constexpr std::array k_states{ImageState::pending, ImageState::available, ImageState::disabled, ImageState::deregistered,
                              ImageState::failed};
constexpr std::array k_events{ImageEvent::ready,  ImageEvent::fail,       ImageEvent::disable,
                              ImageEvent::enable, ImageEvent::deregister, ImageEvent::restore};

TEST(ImageState, RoundTrips) {
    for (const ImageState state : k_states) {
        ASSERT_TRUE(parse_image_state(to_string(state)));
        EXPECT_EQ(*parse_image_state(to_string(state)), state);
    }
    ASSERT_FALSE(parse_image_state("Available"));
    EXPECT_EQ(parse_image_state("availible").error().hint, "Did you mean \"available\"?");
}

TEST(ImageState, MovesOnlyAsTheTableSays) {
    using S = ImageState;
    using E = ImageEvent;
    const std::map<std::pair<S, E>, S> table{
        {{S::pending, E::ready}, S::available},          {{S::pending, E::fail}, S::failed},
        {{S::failed, E::deregister}, S::deregistered},   {{S::available, E::disable}, S::disabled},
        {{S::disabled, E::enable}, S::available},        {{S::available, E::deregister}, S::deregistered},
        {{S::disabled, E::deregister}, S::deregistered}, {{S::deregistered, E::restore}, S::available},
    };
    for (const S state : k_states) {
        for (const E event : k_events) {
            const auto moved = next(state, event);
            if (const auto want = table.find({state, event}); want != table.end()) {
                ASSERT_TRUE(moved) << to_string(state) << ' ' << static_cast<int>(event);
                EXPECT_EQ(*moved, want->second);
            } else {
                ASSERT_FALSE(moved) << to_string(state) << ' ' << static_cast<int>(event);
                EXPECT_EQ(moved.error().code, Code::incorrect_state);
                EXPECT_NE(moved.error().message.find(to_string(state)), std::string::npos) << moved.error().message;
            }
        }
    }
}

TEST(ImageName, AllowsExactlyEc2sCharacters) {
    const std::string allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ()[]./-'@_";
    for (int c = 0; c < 256; ++c) {
        const std::string name = "ab" + std::string(1, static_cast<char>(c)) + "cd";
        const bool good = allowed.find(static_cast<char>(c)) != std::string::npos;
        const auto checked = check_image_name(name);
        EXPECT_EQ(checked.has_value(), good) << "character " << c;
        if (!checked) {
            EXPECT_EQ(checked.error().code, Code::invalid_ami_name_malformed);
        }
    }
}

TEST(ImageName, HasThreeToAHundredAndTwentyEight) {
    EXPECT_FALSE(check_image_name(""));
    EXPECT_FALSE(check_image_name("ab"));
    EXPECT_TRUE(check_image_name("abc"));
    EXPECT_TRUE(check_image_name(std::string(128, 'x')));
    EXPECT_FALSE(check_image_name(std::string(129, 'x')));
    EXPECT_EQ(check_image_name("ab").error().message, "Invalid image name \"ab\": it has 2 characters (expecting 3 to 128)");
}

TEST(ImageName, NamesTheWholeCharacterAtFault) {
    EXPECT_EQ(check_image_name("debian:12").error().message, "Invalid image name \"debian:12\": \":\" is not allowed in it");
    EXPECT_EQ(check_image_name("caf\xC3\xA9").error().message, "Invalid image name \"caf\xC3\xA9\": \"\xC3\xA9\" is not allowed in it");
    EXPECT_EQ(check_image_name("a\nb").error().message, "Invalid image name: byte 0x0a is not allowed in it");
    EXPECT_EQ(check_image_name("abc\xFF").error().message, "Invalid image name: byte 0xff is not allowed in it");
    EXPECT_EQ(check_image_name("abc\x1B[2J").error().message,
              "Invalid image name: byte 0x1b is not allowed in it");  // no escape reaches the terminal
}

TEST(Description, HasAtMost255Characters) {
    EXPECT_TRUE(check_description(""));
    EXPECT_TRUE(check_description(samples::umlauts(255)));
    EXPECT_FALSE(check_description(samples::umlauts(256)));
    EXPECT_NE(check_description(std::string(256, 'x')).error().message.find("256 characters; the most is 255"), std::string::npos);
    EXPECT_FALSE(check_description("\xFF"));
    EXPECT_FALSE(check_description(std::string_view("a\0b", 3)));
    EXPECT_EQ(check_description("\xFF").error().code, Code::invalid_parameter_value);
}

class PermissionTest : public ::testing::Test {
protected:
    PermissionTest() {
        image_.owner = owner_;
        image_.state = ImageState::available;
    }
    const AccountId owner_ = samples::account(1);
    const AccountId friend_ = samples::account(2);
    const AccountId stranger_ = samples::account(3);
    Image image_;
};

TEST_F(PermissionTest, APrivateImageIsItsOwnersAlone) {
    EXPECT_TRUE(may_launch(image_, owner_));
    EXPECT_FALSE(may_launch(image_, friend_));
}

TEST_F(PermissionTest, AListedAccountMayLaunch) {
    image_.permissions.accounts = {friend_};
    EXPECT_TRUE(may_launch(image_, friend_));
    EXPECT_FALSE(may_launch(image_, stranger_));
}

TEST_F(PermissionTest, APublicImageIsEveryones) {
    image_.permissions.everyone = true;
    EXPECT_TRUE(may_launch(image_, stranger_));
}

}  // namespace
}  // namespace amivirt
