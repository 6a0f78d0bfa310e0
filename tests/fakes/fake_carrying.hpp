// What carries images in and out, in memory: layers between stores, archives, signatures, files.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/image_archives.hpp"
#include "amivirt/ports/layer_carrier.hpp"
#include "amivirt/ports/output_files.hpp"
#include "amivirt/ports/signatures.hpp"
#include "call_script.hpp"
#include "fake_disk.hpp"
#include "fake_volume_store.hpp"

namespace amivirt::fakes {

/// Into one FakeVolumeStore, out of it and of those it was told of. Steps: "chain", "bring", "piece" (a copy has begun), "rewrite",
/// "write_out".
class FakeLayerCarrier final : public LayerCarrier {
public:
    FakeLayerCarrier(FakeVolumeStore& own, FakeDisks& disks) : own_(own), disks_(disks), seen_{&own} {}
    void sees(FakeVolumeStore& other) { seen_.push_back(&other); }
    /// How layers come: as on one file system, or on two.
    void come(Passage passage) { passage_ = passage; }

    [[nodiscard]] Result<ChainSource> chain(const LayerId& top) override;
    [[nodiscard]] Result<Brought> bring(const BringRequest& request, Progress& progress) override;
    [[nodiscard]] Result<void> rewrite(const LayerId& target, const ChainSource& from, Encrypted encrypted, Progress& progress) override;
    [[nodiscard]] Result<void> write_out(const ChainSource& from, const std::string& path, DiskFileFormat format,
                                         Progress& progress) override;
    /// How many copies went on from what an earlier one left.
    [[nodiscard]] unsigned resumed() const noexcept { return resumed_; }
    CallScript& script() noexcept { return script_; }

private:
    [[nodiscard]] Result<FakeLayer> flat(const ChainSource& from) const;

    FakeVolumeStore& own_;
    FakeDisks& disks_;
    std::vector<FakeVolumeStore*> seen_;
    Passage passage_ = Passage::linked;
    unsigned resumed_ = 0;
    CallScript script_;
};

/// Files by path; their bytes are FakeDisks. Steps: "check", "publish".
class FakeOutputFiles final : public OutputFiles {
public:
    explicit FakeOutputFiles(FakeDisks& disks) : disks_(disks) {}
    [[nodiscard]] Result<std::string> check(const std::string& file, Replace replace) override;
    [[nodiscard]] Result<void> make_folder(const std::string& /*path*/) override { return {}; }
    [[nodiscard]] std::string temporary(const std::string& file, const std::string& tag) const override { return file + "." + tag; }
    [[nodiscard]] Result<void> write_text(const std::string& file, const std::string& tag, const std::string& text) override;
    [[nodiscard]] Result<void> publish(const std::string& file, const std::string& tag, Replace replace) override;
    [[nodiscard]] Result<void> discard(const std::string& file, const std::string& tag) override;
    CallScript& script() noexcept { return script_; }

private:
    FakeDisks& disks_;
    CallScript script_;
};

/// An archive is a FakeDisk whose content names it. Steps: "write", "look", "extract".
class FakeImageArchives final : public ImageArchives {
public:
    explicit FakeImageArchives(FakeDisks& disks) : disks_(disks) {}
    [[nodiscard]] std::optional<ArchiveKind> recognise(const std::string& file) override;
    [[nodiscard]] Result<CarriedImage> look(const std::string& file) override;
    [[nodiscard]] Result<Extracted> extract(const std::string& file, const CarriedImage& looked, const std::vector<std::string>& targets,
                                            Progress& progress) override;
    [[nodiscard]] Result<std::string> write(const std::string& file, const CarriedImage& image, Progress& progress) override;
    CallScript& script() noexcept { return script_; }

private:
    struct Archive {
        CarriedImage image;
        std::vector<FakeDisk> disks;
    };
    [[nodiscard]] Result<Archive> find(const std::string& file) const;

    FakeDisks& disks_;
    mutable Sync<std::map<std::string, Archive>> archives_;
    CallScript script_;
};

/// Key files are known by name: "anna.pem" is the private key of "anna.pub.pem".
class FakeSignatures final : public Signatures {
public:
    explicit FakeSignatures(FakeDisks& disks) : disks_(disks) {}
    [[nodiscard]] Result<TrustedSigner> read_public_key(const std::string& file) override;
    [[nodiscard]] Result<std::string> sign(const std::string& key_file, const std::string& sha256) override;
    [[nodiscard]] Result<std::optional<DetachedSignature>> read(const std::string& file) override;
    [[nodiscard]] Result<void> verify(const DetachedSignature& signature, const TrustedSigner& signer) override;

private:
    FakeDisks& disks_;
};

}  // namespace amivirt::fakes
