// Labs by path.
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/lab_reader.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// Step: "read".
class FakeLabReader final : public LabReader {
public:
    void add(const std::string& path, Lab lab) {
        lab.file = path;
        labs_.lock()->insert_or_assign(path, std::move(lab));
    }
    [[nodiscard]] Result<Lab> read(const std::string& path) override {
        AMIVIRT_TRY(script_.pass("read"));
        auto labs = labs_.lock();
        const auto found = labs->find(path);
        if (found == labs->end()) {
            return Error(Code::invalid_manifest, fmt::format("lab \"{}\" has 1 fault:\n{}: is not there", path, path));
        }
        return found->second;
    }
    CallScript& script() noexcept { return script_; }

private:
    Sync<std::map<std::string, Lab>> labs_;
    CallScript script_;
};

}  // namespace amivirt::fakes
