// A short list of instance types.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/instance_types.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// t3.nano, t3.micro, t3.small and, with instance store, m5d.large. Steps: "find", "list".
class FakeInstanceTypes final : public InstanceTypes {
public:
    [[nodiscard]] Result<InstanceType> find(std::string_view name) override {
        AMIVIRT_TRY(script_.pass("find"));
        auto types = types_.lock();
        for (const InstanceType& type : *types) {
            if (type.name == name) {
                return type;
            }
        }
        return Error(Code::invalid_parameter_value, fmt::format("There is no instance type \"{}\".", name));
    }
    [[nodiscard]] Result<std::vector<InstanceType>> list() override {
        AMIVIRT_TRY(script_.pass("list"));
        return *types_.lock();
    }
    void add(InstanceType type) { types_.lock()->push_back(std::move(type)); }
    CallScript& script() noexcept { return script_; }

private:
    Sync<std::vector<InstanceType>> types_{std::vector<InstanceType>{
        {"t3.nano", 2, MiB{512}, 0, GiB{0}},
        {"t3.micro", 2, MiB{1024}, 0, GiB{0}},
        {"t3.small", 2, MiB{2048}, 0, GiB{0}},
        {"m5d.large", 2, MiB{8192}, 1, GiB{75}},
    }};
    CallScript script_;
};

}  // namespace amivirt::fakes
