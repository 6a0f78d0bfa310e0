#include "amivirt/domain/image.hpp"

#include <algorithm>

#include "domain/text.hpp"
#include "domain/words.hpp"

namespace amivirt {

namespace {

constexpr std::array<Word<ImageState>, 5> k_states{{
    {ImageState::pending, "pending"},
    {ImageState::available, "available"},
    {ImageState::disabled, "disabled"},
    {ImageState::deregistered, "deregistered"},
    {ImageState::failed, "failed"},
}};

struct Move {
    ImageState from;
    ImageEvent event;
    ImageState to;
};
constexpr std::array k_moves{
    Move{ImageState::pending, ImageEvent::ready, ImageState::available},
    Move{ImageState::pending, ImageEvent::fail, ImageState::failed},
    Move{ImageState::available, ImageEvent::disable, ImageState::disabled},
    Move{ImageState::disabled, ImageEvent::enable, ImageState::available},
    Move{ImageState::available, ImageEvent::deregister, ImageState::deregistered},
    Move{ImageState::disabled, ImageEvent::deregister, ImageState::deregistered},
    Move{ImageState::failed, ImageEvent::deregister, ImageState::deregistered},
    Move{ImageState::deregistered, ImageEvent::restore, ImageState::available},
};

constexpr std::array<Word<ImageEvent>, 6> k_events{{
    {ImageEvent::ready, "become available"},
    {ImageEvent::fail, "fail"},
    {ImageEvent::disable, "be disabled"},
    {ImageEvent::enable, "be enabled"},
    {ImageEvent::deregister, "be deregistered"},
    {ImageEvent::restore, "be restored"},
}};

constexpr std::size_t k_shortest_name = 3;
constexpr std::size_t k_longest_name = 128;
constexpr std::size_t k_longest_description = 255;

bool name_character(char c) noexcept {
    constexpr std::string_view others = " ()[]./-'@_";
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
}

}  // namespace

std::string_view to_string(ImageState value) noexcept { return word_for(k_states, value); }
Result<ImageState> parse_image_state(std::string_view text) { return parse_word(k_states, "image state", text); }

Result<ImageState> next(ImageState state, ImageEvent event) {
    for (const Move& move : k_moves) {
        if (move.from == state && move.event == event) {
            return move.to;
        }
    }
    return Error(Code::incorrect_state, fmt::format("An image that is {} cannot {}", to_string(state), word_for(k_events, event)));
}

Result<void> check_image_name(std::string_view name) {
    // Every allowed character is one byte long; a name with others is refused before its length could matter.
    for (std::string_view rest = name; !rest.empty(); rest.remove_prefix(1)) {
        if (!name_character(rest.front())) {
            const auto printable = utf8_length(name) && std::none_of(name.begin(), name.end(), [](char c) {
                                       return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                                   });
            return Error(Code::invalid_ami_name_malformed,
                         printable ? fmt::format("Invalid image name \"{}\": \"{}\" is not allowed in it", name,
                                                 rest.substr(0, character_bytes(rest)))
                                   : fmt::format("Invalid image name: byte {:#04x} is not allowed in it",
                                                 static_cast<unsigned>(static_cast<unsigned char>(rest.front()))),
                         "Names are made of letters, digits, spaces and ( ) [ ] . / - ' @ _");
        }
    }
    if (name.size() < k_shortest_name || name.size() > k_longest_name) {
        return Error(Code::invalid_ami_name_malformed, fmt::format("Invalid image name \"{}\": it has {} characters (expecting {} to {})",
                                                                   name, name.size(), k_shortest_name, k_longest_name));
    }
    return {};
}

Result<void> check_description(std::string_view text) {
    const auto length = utf8_length(text);
    if (!length) {
        return Error(Code::invalid_parameter_value, "Invalid description: it is not UTF-8");
    }
    if (has_control_character(text)) {
        return Error(Code::invalid_parameter_value, "Invalid description: it has a control character");
    }
    if (*length > k_longest_description) {
        return Error(Code::invalid_parameter_value,
                     fmt::format("Invalid description \"{}\": it has {} characters; the most is {}", text, *length, k_longest_description));
    }
    return {};
}

bool may_launch(const Image& image, const AccountId& account) noexcept {
    return image.owner == account || image.permissions.everyone || image.permissions.accounts.contains(account);
}

bool is_deprecated(const Image& image, TimePoint now) noexcept { return image.deprecated && *image.deprecated <= now; }

std::vector<SnapshotId> snapshots_of(const Image& image) {
    std::vector<SnapshotId> ids;
    for (const BlockDevice& device : image.mapping) {
        if (const auto* ebs = std::get_if<EbsDevice>(&device.what); ebs != nullptr && ebs->snapshot) {
            ids.push_back(*ebs->snapshot);
        }
    }
    return ids;
}

bool keeps_snapshots(const Image& image) noexcept {
    return image.bin || (image.state != ImageState::deregistered && image.state != ImageState::failed);
}

}  // namespace amivirt
