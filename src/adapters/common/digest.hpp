// SHA-256 as bytes go by.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace amivirt {

class Sha256 {
public:
    Sha256();
    void update(std::string_view bytes);
    /// Hex, lower case; the state is spent.
    [[nodiscard]] std::string finish();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const noexcept;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

[[nodiscard]] std::string sha256_of(std::string_view bytes);

}  // namespace amivirt
