#include "fake_source_stager.hpp"

#include <fmt/format.h>

namespace amivirt::fakes {

namespace {

std::string own_bytes(const FakeDisk& disk, Compressed compressed) {
    return compressed == Compressed::yes ? "compressed " + disk.content : disk.content;
}

bool is_remote(const std::string& source) { return source.starts_with("http://") || source.starts_with("https://"); }

std::string staging_path(const LayerId& layer) { return "staging/" + layer.str(); }

}  // namespace

void FakeSourceStager::add(const std::string& source, FakeDisk disk, Compressed compressed) {
    state_.lock()->sources.insert_or_assign(source, Source{std::move(disk), compressed});
}

std::string FakeSourceStager::sha256(const std::string& source) const {
    auto state = state_.lock();
    const Source& found = state->sources.at(source);
    return fake_sha256(own_bytes(found.disk, found.compressed));
}

Result<Staged> FakeSourceStager::stage(const StageRequest& request, Progress& progress) {
    AMIVIRT_TRY(script_.pass("stage"));
    Source source;
    {
        auto state = state_.lock();
        const auto found = state->sources.find(request.source);
        if (found == state->sources.end()) {
            return Error(Code::fetch_failed, fmt::format("Cannot read \"{}\": No such file or directory.", request.source));
        }
        source = found->second;
    }
    const std::string bytes = own_bytes(source.disk, source.compressed);
    const Bytes size{bytes.size()};
    std::string path = request.source;
    const bool remote = is_remote(request.source);
    const std::string download_file = fake_sha256(request.source) + ".part";
    if (remote) {
        progress.phase("downloading", size);
        const bool resumes = request.resume && request.resume->file == download_file && state_.lock()->downloads.contains(download_file);
        if (!resumes && request.on_download) {
            AMIVIRT_TRY(request.on_download(Download{request.source, download_file, "\"" + fake_sha256(bytes).substr(0, 8) + "\"", {}}));
        }
        {
            auto state = state_.lock();
            state->resumed += resumes ? 1 : 0;
            state->downloads.insert(download_file);
        }
        AMIVIRT_TRY(script_.pass("fetch"));
    }
    progress.advance(size);
    if (!request.sha256.empty() && request.sha256 != fake_sha256(bytes)) {
        state_.lock()->downloads.erase(download_file);
        return Error(Code::checksum_mismatch,
                     fmt::format("The SHA-256 of \"{}\" is {}, not {}.", request.source, fake_sha256(bytes), request.sha256));
    }
    const bool temporary = remote || source.compressed == Compressed::yes;
    if (temporary) {
        path = staging_path(request.layer);
        auto state = state_.lock();
        state->staging.insert(request.layer);
        state->downloads.erase(download_file);
    }
    disks_.put(path, source.disk);
    return Staged{StagedDisk{path, Bytes{source.disk.content.size()}}, fake_sha256(bytes), fake_sha256(source.disk.content), temporary};
}

Result<void> FakeSourceStager::check_unchanged(const Staged& staged) {
    AMIVIRT_TRY(script_.pass("check_unchanged"));
    if (state_.lock()->changed.contains(staged.disk.path)) {
        return Error(Code::fetch_failed, fmt::format("\"{}\" changed while it was read.", staged.disk.path));
    }
    return {};
}

Result<void> FakeSourceStager::discard(const LayerId& layer) {
    AMIVIRT_TRY(script_.pass("discard"));
    disks_.erase(staging_path(layer));
    state_.lock()->staging.erase(layer);
    return {};
}

Result<void> FakeSourceStager::discard_download(const Download& download) {
    AMIVIRT_TRY(script_.pass("discard_download"));
    state_.lock()->downloads.erase(download.file);
    return {};
}

}  // namespace amivirt::fakes
