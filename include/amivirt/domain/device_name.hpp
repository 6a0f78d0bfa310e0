// Device names of a block device mapping.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace amivirt {

/// A name taken apart; orders as a person would: sdb, sdc, ..., xvdz, xvdba; sda before sda1 before sda10.
struct DeviceName {
    std::string bus;      ///< "sd", "xvd", "vd"
    std::string letters;  ///< "b", "ba"
    int partition = -1;   ///< -1: none

    friend bool operator==(const DeviceName&, const DeviceName&) = default;
    friend std::strong_ordering operator<=>(const DeviceName& a, const DeviceName& b) {
        if (const auto by_bus = a.bus.compare(b.bus) <=> 0; by_bus != 0) {
            return by_bus;
        }
        if (const auto by_length = a.letters.size() <=> b.letters.size(); by_length != 0) {
            return by_length;
        }
        if (const auto by_letters = a.letters.compare(b.letters) <=> 0; by_letters != 0) {
            return by_letters;
        }
        return a.partition <=> b.partition;
    }
};

/// "/dev/sdb", "sdb", "xvdba", "/dev/vda1"; with and without /dev/ is the same name, another bus is another. nullopt: ill-formed.
[[nodiscard]] std::optional<DeviceName> parse_device_name(std::string_view text);

/// Two spellings of one device ("sdb", "/dev/sdb"); an ill-formed one is the same as none.
[[nodiscard]] bool same_device(std::string_view a, std::string_view b);

}  // namespace amivirt
