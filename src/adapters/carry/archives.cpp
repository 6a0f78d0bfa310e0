#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <stdexcept>

#include "adapters/carry/bundle_manifest.hpp"
#include "adapters/carry/carry.hpp"
#include "adapters/carry/ovf.hpp"
#include "adapters/carry/tar.hpp"
#include "adapters/common/digest.hpp"
#include "adapters/common/files.hpp"
#include "amivirt/base/fault.hpp"

namespace amivirt {
namespace {

using files::FileDescriptor;

constexpr Bytes k_largest_text{8ULL << 20U};
constexpr std::size_t k_most_members = 1000;

bool ends_with(std::string name, std::string_view suffix) {
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name.ends_with(suffix);
}

/// SHA-1 or SHA-256 or what else an OVA's list may name, as bytes go by.
class AnyDigest {
public:
    explicit AnyDigest(const EVP_MD* kind) : context_(EVP_MD_CTX_new()) { expect(EVP_DigestInit_ex(context_.get(), kind, nullptr)); }
    void update(std::string_view bytes) { expect(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size())); }
    [[nodiscard]] std::string finish() {
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned int size = 0;
        expect(EVP_DigestFinal_ex(context_.get(), digest.data(), &size));
        std::string hex;
        for (unsigned int i = 0; i < size; ++i) {
            hex += fmt::format("{:02x}", digest[i]);
        }
        return hex;
    }

private:
    static void expect(int answer) {
        if (answer != 1) {
            throw std::runtime_error("OpenSSL cannot compute a digest");
        }
    }
    struct Free {
        void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
    };
    std::unique_ptr<EVP_MD_CTX, Free> context_;
};

struct Sum {
    const EVP_MD* kind = nullptr;
    std::string hex;
};

/// "SHA256(disk.vmdk)= 0123...", a line each (source: DSP0243, 5.1). What is not understood is left out.
std::map<std::string, Sum> read_ova_sums(const std::string& text) {
    std::map<std::string, Sum> sums;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        at = end + 1;
        std::erase(line, '\r');
        const auto open = line.find('(');
        const auto close = line.rfind(")=");
        if (open == std::string::npos || close == std::string::npos || close < open) {
            continue;
        }
        std::string kind = line.substr(0, open);
        std::erase(kind, ' ');
        Sum sum;
        sum.kind = kind == "SHA256" ? EVP_sha256() : kind == "SHA1" ? EVP_sha1() : kind == "SHA512" ? EVP_sha512() : nullptr;
        sum.hex = line.substr(close + 2);
        std::erase(sum.hex, ' ');
        std::transform(sum.hex.begin(), sum.hex.end(), sum.hex.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (sum.kind != nullptr) {
            sums.insert_or_assign(line.substr(open + 1, close - open - 1), std::move(sum));
        }
    }
    return sums;
}

Error changed(const std::string& file) { return {Code::fetch_failed, fmt::format("\"{}\" changed while it was read.", file)}; }
Error no_archive(const std::string& file, const std::string& why) {
    return {Code::invalid_disk_image, fmt::format("\"{}\" is neither a bundle of an image nor an OVA: {}.", file, why)};
}

class Archives final : public ImageArchives {
public:
    explicit Archives(Bytes max_disk) : max_disk_(max_disk) {}

    std::optional<ArchiveKind> recognise(const std::string& file) override {
        auto reader = TarReader::open(file, TarReader::Whole::no);
        if (!reader) {
            return std::nullopt;
        }
        const auto first = (*reader)->next();
        return first && *first ? kind_of(**reader, **first) : std::nullopt;
    }
    Result<CarriedImage> look(const std::string& file) override;
    Result<Extracted> extract(const std::string& file, const CarriedImage& looked, const std::vector<std::string>& targets,
                              Progress& progress) override;
    Result<std::string> write(const std::string& file, const CarriedImage& image, Progress& progress) override {
        return image.kind == ArchiveKind::ova ? write_ova(file, image, progress) : write_bundle(file, image, progress);
    }

private:
    static std::optional<ArchiveKind> kind_of(const TarReader& reader, const TarReader::Member& first) {
        if (reader.packing() == Packing::zstd) {
            return first.name == k_bundle_manifest ? std::optional(ArchiveKind::bundle) : std::nullopt;
        }
        return ends_with(first.name, ".ovf") ? std::optional(ArchiveKind::ova) : std::nullopt;
    }
    [[nodiscard]] Result<void> check_sizes(const std::string& file, const CarriedImage& image) const;
    static Result<std::string> write_bundle(const std::string& file, const CarriedImage& image, Progress& progress);
    static Result<std::string> write_ova(const std::string& file, const CarriedImage& image, Progress& progress);
    static Result<Extracted> extract_bundle(const std::string& file, const CarriedImage& looked, const std::vector<std::string>& targets,
                                            Progress& progress);
    static Result<Extracted> extract_ova(const std::string& file, const CarriedImage& looked, const std::vector<std::string>& targets,
                                         Progress& progress);

    Bytes max_disk_;
};

Result<Bytes> size_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
        return files::errno_error(errno, "look at", path);
    }
    return Bytes{static_cast<std::uint64_t>(status.st_size)};
}

/// Members' bytes to come, and the largest member.
struct Sizes {
    Bytes total;
    Bytes largest;
};
Result<Sizes> measure(CarriedImage& image) {
    Sizes sizes;
    for (auto& disk : image.disks) {
        disk.size = AMIVIRT_TRY(size_of(disk.path));
        sizes.total = sizes.total + disk.size;
        sizes.largest = std::max(sizes.largest, disk.size);
    }
    return sizes;
}

Result<std::string> Archives::write_bundle(const std::string& file, const CarriedImage& given, Progress& progress) {
    CarriedImage image = given;
    for (std::size_t i = 0; i < image.disks.size(); ++i) {
        image.disks[i].part = fmt::format("volumes/{}.qcow2", i);
    }
    const Sizes sizes = AMIVIRT_TRY(measure(image));
    const auto writer = AMIVIRT_TRY(TarWriter::open(file, Packing::zstd, sizes.largest, image.image.created));
    fault_point("archive.opened");
    progress.phase("packing", sizes.total);
    writer->progress = [&](Bytes done) { progress.advance(done); };
    const std::string manifest = write_bundle_manifest(image);
    std::string sums = fmt::format("{}  {}\n", sha256_of(manifest), k_bundle_manifest);
    AMIVIRT_TRY(writer->add_text(std::string(k_bundle_manifest), manifest));
    for (const auto& disk : image.disks) {
        sums += fmt::format("{}  {}\n", AMIVIRT_TRY(writer->add_file(disk.part, disk.path)), disk.part);
        fault_point("archive.member_written");
    }
    AMIVIRT_TRY(writer->add_text(std::string(k_bundle_checksums), sums));
    return writer->finish();
}

Result<std::string> Archives::write_ova(const std::string& file, const CarriedImage& given, Progress& progress) {
    CarriedImage image = given;
    const std::string stem = image.image.id.str();
    for (std::size_t i = 0; i < image.disks.size(); ++i) {
        image.disks[i].part = fmt::format("{}-disk{}.vmdk", stem, i + 1);
    }
    const Sizes sizes = AMIVIRT_TRY(measure(image));
    const auto writer = AMIVIRT_TRY(TarWriter::open(file, Packing::plain, sizes.largest, image.image.created));
    fault_point("archive.opened");
    progress.phase("packing", sizes.total);
    writer->progress = [&](Bytes done) { progress.advance(done); };
    // The description first, so that it can be read from a stream; the checksums after what they are of.
    const std::string ovf = write_ovf(image);
    std::string sums = fmt::format("SHA256({}.ovf)= {}\n", stem, sha256_of(ovf));
    AMIVIRT_TRY(writer->add_text(stem + ".ovf", ovf));
    for (const auto& disk : image.disks) {
        sums += fmt::format("SHA256({})= {}\n", disk.part, AMIVIRT_TRY(writer->add_file(disk.part, disk.path)));
        fault_point("archive.member_written");
    }
    AMIVIRT_TRY(writer->add_text(stem + ".mf", sums));
    return writer->finish();
}

Result<void> Archives::check_sizes(const std::string& file, const CarriedImage& image) const {
    for (const auto& disk : image.disks) {
        if (disk.virtual_size > max_disk_ || disk.size > max_disk_ || disk.size.count == 0) {
            return Error(Code::invalid_disk_image,
                         fmt::format("\"{}:{}\" is a disk of {} in {}; the largest that is taken is {}.", file, files::printable(disk.part),
                                     human(disk.virtual_size), human(disk.size), human(max_disk_)));
        }
    }
    return {};
}

Result<CarriedImage> Archives::look(const std::string& file) {
    const auto reader = AMIVIRT_TRY(TarReader::open(file, TarReader::Whole::no));
    const auto first = AMIVIRT_TRY(reader->next());
    if (!first) {
        return no_archive(file, "there is nothing in it");
    }
    const auto kind = kind_of(*reader, *first);
    if (!kind) {
        return no_archive(file, fmt::format("it begins with \"{}\"", files::printable(first->name)));
    }
    const std::string text = AMIVIRT_TRY(reader->text(*first, k_largest_text));
    CarriedImage image = AMIVIRT_TRY(*kind == ArchiveKind::bundle ? read_bundle_manifest(text, file) : read_ovf(text, file));
    image.seen = sha256_of(text);
    if (*kind == ArchiveKind::ova) {
        // How large its disks are, their headers in the archive tell.
        std::size_t members = 0;
        while (const auto member = AMIVIRT_TRY(reader->next())) {
            for (auto& disk : image.disks) {
                if (disk.part == member->name) {
                    disk.size = member->size;
                }
            }
            if (++members > k_most_members) {
                return no_archive(file, "it holds too many files");
            }
        }
        for (const auto& disk : image.disks) {
            if (disk.size.count == 0) {
                return Error(Code::invalid_disk_image, fmt::format("\"{}\" lacks the disk \"{}\".", file, files::printable(disk.part)));
            }
        }
    }
    AMIVIRT_TRY(check_sizes(file, image));
    return image;
}

Result<Extracted> Archives::extract(const std::string& file, const CarriedImage& looked, const std::vector<std::string>& targets,
                                    Progress& progress) {
    Bytes total;
    for (const auto& disk : looked.disks) {
        total = total + disk.size;
    }
    progress.phase("unpacking", total);
    return looked.kind == ArchiveKind::bundle ? extract_bundle(file, looked, targets, progress)
                                              : extract_ova(file, looked, targets, progress);
}

/// The member into `target`, with holes; what goes by is told to `also`.
Result<void> save(TarReader& reader, const std::string& target, const std::function<void(std::string_view)>& also, Progress& progress,
                  Bytes& done) {
    const FileDescriptor out = AMIVIRT_TRY(files::open(target, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW));
    fault_point("archive.target_opened");
    files::SparseWriter writer(out.get(), target);
    AMIVIRT_TRY(reader.read([&](std::string_view piece) -> Result<void> {
        also(piece);
        done.count += piece.size();
        progress.advance(done);
        return writer.write(piece);
    }));
    return writer.finish();
}

Result<Extracted> Archives::extract_bundle(const std::string& file, const CarriedImage& looked, const std::vector<std::string>& targets,
                                           Progress& progress) {
    const auto reader = AMIVIRT_TRY(TarReader::open(file, TarReader::Whole::yes));
    const auto first = AMIVIRT_TRY(reader->next());
    if (!first || first->name != k_bundle_manifest) {
        return changed(file);
    }
    const std::string manifest = AMIVIRT_TRY(reader->text(*first, k_largest_text));
    if (sha256_of(manifest) != looked.seen) {
        return changed(file);
    }
    std::string sums = fmt::format("{}  {}\n", looked.seen, k_bundle_manifest);
    Extracted extracted;
    extracted.disks.resize(looked.disks.size());
    Bytes done;
    for (std::size_t count = 0; count < looked.disks.size(); ++count) {
        const auto member = AMIVIRT_TRY(reader->next());
        std::size_t at = 0;
        while (member && at < looked.disks.size() && looked.disks[at].part != member->name) {
            ++at;
        }
        if (!member || at == looked.disks.size() || !extracted.disks[at].empty() || member->size != looked.disks[at].size) {
            return Error(Code::invalid_disk_image,
                         fmt::format("\"{}\" is no whole bundle: \"{}\" stands where a volume of its manifest should.", file,
                                     member ? files::printable(member->name) : "nothing"));
        }
        Sha256 hash;
        AMIVIRT_TRY(save(
            *reader, targets[at], [&](std::string_view piece) { hash.update(piece); }, progress, done));
        extracted.disks[at] = hash.finish();
        sums += fmt::format("{}  {}\n", extracted.disks[at], member->name);
    }
    const auto last = AMIVIRT_TRY(reader->next());
    if (!last || last->name != k_bundle_checksums) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" is no whole bundle: it lacks its list of checksums.", file));
    }
    if (AMIVIRT_TRY(reader->text(*last, k_largest_text)) != sums) {
        return Error(Code::checksum_mismatch, fmt::format("\"{}\" was changed or damaged: its checksums are others than it says.", file));
    }
    if (AMIVIRT_TRY(reader->next())) {
        return Error(Code::invalid_disk_image, fmt::format("\"{}\" holds more than a bundle should.", file));
    }
    extracted.sha256 = AMIVIRT_TRY(reader->sha256());
    return extracted;
}

Result<Extracted> Archives::extract_ova(const std::string& file, const CarriedImage& looked, const std::vector<std::string>& targets,
                                        Progress& progress) {
    std::map<std::string, Sum> sums;
    {
        const auto reader = AMIVIRT_TRY(TarReader::open(file, TarReader::Whole::no));
        while (const auto member = AMIVIRT_TRY(reader->next())) {
            if (ends_with(member->name, ".mf")) {
                sums = read_ova_sums(AMIVIRT_TRY(reader->text(*member, k_largest_text)));
            }
        }
    }
    const auto check = [&](const std::string& name, std::string found) -> Result<void> {
        const auto sum = sums.find(name);
        if (sum == sums.end() || sum->second.hex == found) {
            return {};
        }
        return Error(Code::checksum_mismatch, fmt::format("\"{}:{}\" was changed or damaged: its checksum is {}, its list says {}.", file,
                                                          files::printable(name), found, files::printable(sum->second.hex)));
    };
    const auto digest_for = [&](const std::string& name) {
        const auto sum = sums.find(name);
        return AnyDigest(sum == sums.end() ? EVP_sha256() : sum->second.kind);
    };
    const auto reader = AMIVIRT_TRY(TarReader::open(file, TarReader::Whole::yes));
    Extracted extracted;
    extracted.disks.resize(looked.disks.size());
    Bytes done;
    bool first = true;
    while (const auto member = AMIVIRT_TRY(reader->next())) {
        if (std::exchange(first, false)) {
            const std::string ovf = AMIVIRT_TRY(reader->text(*member, k_largest_text));
            if (sha256_of(ovf) != looked.seen) {
                return changed(file);
            }
            auto digest = digest_for(member->name);
            digest.update(ovf);
            AMIVIRT_TRY(check(member->name, digest.finish()));
            continue;
        }
        for (std::size_t at = 0; at < looked.disks.size(); ++at) {
            if (looked.disks[at].part != member->name) {
                continue;
            }
            if (!extracted.disks[at].empty() || member->size != looked.disks[at].size) {
                return changed(file);
            }
            Sha256 hash;
            auto digest = digest_for(member->name);
            AMIVIRT_TRY(save(
                *reader, targets[at],
                [&](std::string_view piece) {
                    hash.update(piece);
                    digest.update(piece);
                },
                progress, done));
            AMIVIRT_TRY(check(member->name, digest.finish()));
            extracted.disks[at] = hash.finish();
        }
    }
    if (std::any_of(extracted.disks.begin(), extracted.disks.end(), [](const std::string& sum) { return sum.empty(); })) {
        return changed(file);
    }
    extracted.sha256 = AMIVIRT_TRY(reader->sha256());
    return extracted;
}

}  // namespace

std::unique_ptr<ImageArchives> make_image_archives(Bytes max_disk) { return std::make_unique<Archives>(max_disk); }

}  // namespace amivirt
