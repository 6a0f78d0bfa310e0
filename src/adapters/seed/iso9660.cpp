#include "adapters/seed/iso9660.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <limits>

namespace amivirt {
namespace {

// ECMA-119 (ISO 9660), the Joliet specification, IEEE P1281 (SUSP) and P1282 (Rock Ridge).
constexpr std::size_t k_sector = 2048;
constexpr std::uint32_t k_primary = 16;
constexpr std::uint32_t k_joliet = 17;
constexpr std::uint32_t k_terminator = 18;
constexpr std::uint32_t k_primary_paths_little = 19;
constexpr std::uint32_t k_primary_paths_big = 20;
constexpr std::uint32_t k_joliet_paths_little = 21;
constexpr std::uint32_t k_joliet_paths_big = 22;
constexpr std::uint32_t k_primary_root = 23;
constexpr std::uint32_t k_joliet_root = 24;
constexpr std::uint32_t k_continuation = 25;
constexpr std::uint32_t k_first_file = 26;
constexpr std::uint32_t k_path_table_size = 10;

constexpr std::uint32_t k_folder_permissions = 040555;
constexpr std::uint32_t k_file_permissions = 0100444;

/// Bytes put one after another, in the mix of byte orders that ISO 9660 has.
class Bytes9660 {
public:
    Bytes9660& u8(std::uint32_t value) {
        bytes_.push_back(static_cast<char>(static_cast<std::uint8_t>(value)));
        return *this;
    }
    Bytes9660& little16(std::uint32_t value) { return u8(value).u8(value >> 8U); }
    Bytes9660& big16(std::uint32_t value) { return u8(value >> 8U).u8(value); }
    Bytes9660& little32(std::uint32_t value) { return little16(value).little16(value >> 16U); }
    Bytes9660& big32(std::uint32_t value) { return big16(value >> 16U).big16(value); }
    Bytes9660& both16(std::uint32_t value) { return little16(value).big16(value); }
    Bytes9660& both32(std::uint32_t value) { return little32(value).big32(value); }
    Bytes9660& text(std::string_view value) {
        bytes_ += value;
        return *this;
    }
    /// `value` and filler up to `width`.
    Bytes9660& field(std::string_view value, std::size_t width, char filler) {
        const std::size_t end = bytes_.size() + width;
        bytes_ += value.substr(0, width);
        bytes_.resize(end, filler);
        return *this;
    }
    Bytes9660& zeros(std::size_t count) {
        bytes_.append(count, '\0');
        return *this;
    }
    Bytes9660& pad_to(std::size_t size) {
        bytes_.resize(std::max(bytes_.size(), size), '\0');
        return *this;
    }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

private:
    std::string bytes_;
};

enum class Names { rock_ridge, joliet };
enum class EntryKind { folder, file };
enum class ByteOrder { little, big };

std::string ucs2(std::string_view ascii) {
    std::string wide;
    for (const char c : ascii) {
        wide += '\0';
        wide += c;
    }
    return wide;
}

/// UCS-2 padded with blanks to `width` bytes.
std::string ucs2_field(std::string_view ascii, std::size_t width) {
    std::string padded(ascii.substr(0, width / 2));
    padded.resize(width / 2, ' ');
    std::string wide = ucs2(padded);
    wide.resize(width, '\0');
    return wide;
}

/// "meta-data" -> "META_DATA.;1": what a reader without Rock Ridge or Joliet sees.
std::string plain_name(std::string_view name) {
    std::string plain;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        plain += std::isalnum(byte) != 0 || c == '.' ? static_cast<char>(std::toupper(byte)) : '_';
    }
    if (plain.find('.') == std::string::npos) {
        plain += '.';
    }
    return plain + ";1";
}

/// 2000-01-01 00:00:00 UTC, as directory records have it.
void put_date(Bytes9660& out) { out.u8(100).u8(1).u8(1).zeros(4); }

void put_permissions(Bytes9660& out, std::uint32_t mode, std::uint32_t links) {
    out.text("PX").u8(36).u8(1).both32(mode).both32(links).both32(0).both32(0);
}

void put_times(Bytes9660& out) {
    constexpr std::uint32_t k_modification_and_change = 2U | 8U;
    out.text("TF").u8(5 + 2 * 7).u8(1).u8(k_modification_and_change);
    put_date(out);
    put_date(out);
}

/// What of Rock Ridge is too long for a record: who it is.
std::string extension_record() {
    const std::string id = "RRIP_1991A";
    const std::string description = "THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS";
    Bytes9660 out;
    out.text("ER").u8(static_cast<std::uint32_t>(8 + id.size() + description.size())).u8(1);
    out.u8(static_cast<std::uint32_t>(id.size())).u8(static_cast<std::uint32_t>(description.size())).u8(0).u8(1);
    out.text(id).text(description);
    return out.bytes();
}

/// One directory record. `identifier` is "\0" for the folder itself, "\1" for its parent.
std::string record(std::string_view identifier, std::uint32_t sector, std::uint32_t size, EntryKind kind, std::string_view system_use) {
    Bytes9660 out;
    const std::size_t named = 33 + identifier.size();
    const std::size_t padded = named + named % 2;
    std::size_t length = padded + system_use.size();
    length += length % 2;
    out.u8(static_cast<std::uint32_t>(length)).u8(0).both32(sector).both32(size);
    put_date(out);
    out.u8(kind == EntryKind::folder ? 2 : 0).u8(0).u8(0).both16(1).u8(static_cast<std::uint32_t>(identifier.size())).text(identifier);
    return out.pad_to(padded).text(system_use).pad_to(length).bytes();
}

struct Placed {
    const IsoFile* file;
    std::uint32_t sector;
};

Result<std::string> folder(std::uint32_t sector, Names names, const std::vector<Placed>& files) {
    using namespace std::string_view_literals;
    Bytes9660 self;
    Bytes9660 parent;
    if (names == Names::rock_ridge) {
        self.text("SP").u8(7).u8(1).u8(0xbe).u8(0xef).u8(0);
        put_permissions(self, k_folder_permissions, 2);
        put_times(self);
        self.text("CE").u8(28).u8(1).both32(k_continuation).both32(0).both32(static_cast<std::uint32_t>(extension_record().size()));
        put_permissions(parent, k_folder_permissions, 2);
        put_times(parent);
    }
    Bytes9660 out;
    out.text(record("\0"sv, sector, k_sector, EntryKind::folder, self.bytes()));
    out.text(record("\1"sv, sector, k_sector, EntryKind::folder, parent.bytes()));
    for (const Placed& placed : files) {
        Bytes9660 use;
        std::string name = ucs2(placed.file->name);
        if (names == Names::rock_ridge) {
            put_permissions(use, k_file_permissions, 1);
            put_times(use);
            use.text("NM").u8(static_cast<std::uint32_t>(5 + placed.file->name.size())).u8(1).u8(0).text(placed.file->name);
            name = plain_name(placed.file->name);
        }
        out.text(record(name, placed.sector, static_cast<std::uint32_t>(placed.file->content.size()), EntryKind::file, use.bytes()));
    }
    if (out.size() > k_sector) {
        return Error(Code::internal_error, "The files of an ISO image do not fit one sector of directory.");
    }
    return out.pad_to(k_sector).bytes();
}

std::string descriptor(Names names, const std::string& volume_id, std::uint32_t sectors) {
    using namespace std::string_view_literals;
    const bool joliet = names == Names::joliet;
    const auto text = [&](std::string_view value, std::size_t width) {
        std::string padded(value);
        padded.resize(width, ' ');
        return joliet ? ucs2_field(value, width) : padded;
    };
    const std::uint32_t root = joliet ? k_joliet_root : k_primary_root;
    constexpr std::string_view k_created = "2000010100000000\0"sv;
    constexpr std::string_view k_never = "0000000000000000\0"sv;
    Bytes9660 out;
    out.u8(joliet ? 2 : 1).text("CD001").u8(1).u8(0);
    out.text(text("LINUX", 32)).text(text(volume_id, 32)).zeros(8).both32(sectors);
    out.field(joliet ? "%/E" : "", 32, '\0');
    out.both16(1).both16(1).both16(k_sector).both32(k_path_table_size);
    out.little32(joliet ? k_joliet_paths_little : k_primary_paths_little).little32(0);
    out.big32(joliet ? k_joliet_paths_big : k_primary_paths_big).big32(0);
    out.text(record("\0"sv, root, k_sector, EntryKind::folder, ""));
    out.text(text("", 128)).text(text("", 128)).text(text("", 128)).text(text("AMIVIRT", 128));
    out.text(text("", 37)).text(text("", 37)).text(text("", 37));
    out.text(k_created).text(k_created).text(k_never).text(k_never).u8(1);
    return out.pad_to(k_sector).bytes();
}

std::string path_table(std::uint32_t root, ByteOrder order) {
    Bytes9660 out;
    out.u8(1).u8(0);
    if (order == ByteOrder::big) {
        out.big32(root).big16(1);
    } else {
        out.little32(root).little16(1);
    }
    return out.u8(0).u8(0).pad_to(k_sector).bytes();
}

}  // namespace

Result<std::string> iso9660_image(const std::string& volume_id, const std::vector<IsoFile>& files) {
    std::vector<Placed> placed;
    std::uint64_t next = k_first_file;
    for (const IsoFile& file : files) {
        constexpr std::size_t k_longest_name = 64;
        if (file.name.empty() || file.name.size() > k_longest_name) {
            return Error(Code::internal_error, fmt::format("The name \"{}\" does not fit an ISO image.", file.name));
        }
        placed.push_back({&file, static_cast<std::uint32_t>(next)});
        next += (file.content.size() + k_sector - 1) / k_sector;
        if (next > std::numeric_limits<std::uint32_t>::max() / k_sector) {
            return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is too large for a seed.", file.name));
        }
    }
    // Readers may search: records go by name (source: ECMA-119 9.3).
    std::sort(placed.begin(), placed.end(),
              [](const Placed& a, const Placed& b) { return plain_name(a.file->name) < plain_name(b.file->name); });

    const auto sectors = static_cast<std::uint32_t>(next);
    std::string image(std::size_t{sectors} * k_sector, '\0');
    const auto put = [&image](std::uint32_t sector, const std::string& bytes) { image.replace(sector * k_sector, bytes.size(), bytes); };
    put(k_primary, descriptor(Names::rock_ridge, volume_id, sectors));
    put(k_joliet, descriptor(Names::joliet, volume_id, sectors));
    put(k_terminator,
        "\xff"
        "CD001\x01");
    put(k_primary_paths_little, path_table(k_primary_root, ByteOrder::little));
    put(k_primary_paths_big, path_table(k_primary_root, ByteOrder::big));
    put(k_joliet_paths_little, path_table(k_joliet_root, ByteOrder::little));
    put(k_joliet_paths_big, path_table(k_joliet_root, ByteOrder::big));
    put(k_primary_root, AMIVIRT_TRY(folder(k_primary_root, Names::rock_ridge, placed)));
    put(k_joliet_root, AMIVIRT_TRY(folder(k_joliet_root, Names::joliet, placed)));
    put(k_continuation, extension_record());
    for (const Placed& file : placed) {
        put(file.sector, file.file->content);
    }
    return image;
}

}  // namespace amivirt
