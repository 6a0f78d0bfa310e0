// Bytes of a file, numbers big-endian, one after another.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace amivirt {

class BigEndian {
public:
    void u8(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
    void u16(std::uint16_t value) { put(value, 2); }
    void u32(std::uint32_t value) { put(value, 4); }
    void u64(std::uint64_t value) { put(value, 8); }
    void text(std::string_view value) { bytes_ += value; }
    void pad_to(std::size_t multiple) { bytes_.resize((bytes_.size() + multiple - 1) / multiple * multiple, '\0'); }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] std::string take() && { return std::move(bytes_); }

private:
    void put(std::uint64_t value, unsigned count) {
        for (unsigned i = count; i-- > 0;) {
            u8(static_cast<std::uint8_t>(value >> (8 * i)));
        }
    }
    std::string bytes_;
};

}  // namespace amivirt
