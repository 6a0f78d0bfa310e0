// Seeds that can be read.
#pragma once

#include <string>

#include "amivirt/ports/seed_builder.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// Step: "build".
class FakeSeedBuilder final : public SeedBuilder {
public:
    [[nodiscard]] Result<std::string> build(const Seed& seed) override {
        AMIVIRT_TRY(script_.pass("build"));
        std::string text = "instance-id: " + seed.instance.str() + "\nhostname: " + seed.hostname + "\n";
        for (const std::string& key : seed.public_keys) {
            text += "key: " + key + "\n";
        }
        text += "zone: " + seed.zone + "\nreservation: " + seed.reservation + "\n";
        for (const std::string& group : seed.security_groups) {
            text += "group: " + group + "\n";
        }
        if (!seed.host_private_key.empty()) {
            text += "host key: " + seed.host_key + ", " + seed.host_private_key;
        }
        return text + "user-data: " + seed.user_data;
    }
    CallScript& script() noexcept { return script_; }

private:
    CallScript script_;
};

}  // namespace amivirt::fakes
