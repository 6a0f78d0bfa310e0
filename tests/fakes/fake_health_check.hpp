// Findings as a test wants them.
#pragma once

#include <utility>
#include <vector>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/health.hpp"

namespace amivirt::fakes {

class FakeHealthCheck final : public HealthCheck {
public:
    explicit FakeHealthCheck(std::vector<Finding> findings = {}) : findings_(std::move(findings)) {}
    [[nodiscard]] std::vector<Finding> check() override { return *findings_.lock(); }
    void find(Finding finding) { findings_.lock()->push_back(std::move(finding)); }

private:
    Sync<std::vector<Finding>> findings_;
};

}  // namespace amivirt::fakes
