// Keys that are told apart and open nothing, and files for them in memory.
#pragma once

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "amivirt/base/sync.hpp"
#include "amivirt/ports/host_keys.hpp"
#include "amivirt/ports/ssh_keys.hpp"
#include "call_script.hpp"

namespace amivirt::fakes {

/// "ssh-ed25519 AAAAkey1 comment" and "private key 1". Step: "generate".
class FakeSshKeys final : public SshKeys {
public:
    [[nodiscard]] Result<NewSshKey> generate(KeyType type, const std::string& comment) override {
        AMIVIRT_TRY(script_.pass("generate"));
        const auto number = ++*made_.lock();
        NewSshKey made{public_key(type, number, comment), fmt::format("private {} {}\n", to_string(type), number)};
        if (type == KeyType::rsa) {
            made.public_key.ec2_fingerprint = fmt::format("ec2:of private {}", number);
        }
        return made;
    }
    [[nodiscard]] Result<SshPublicKey> read_public(std::string_view text) override {
        const bool rsa = text.starts_with("ssh-rsa AAAA");
        if (!rsa && !text.starts_with("ssh-ed25519 AAAA")) {
            return Error(Code::invalid_key_format, "this is no public key in OpenSSH's form");
        }
        const std::string line(text.substr(0, text.find('\n')));
        return SshPublicKey{rsa ? KeyType::rsa : KeyType::ed25519, line, "SHA256:of " + line.substr(line.find(' ') + 1),
                            "ec2:of " + line.substr(line.find(' ') + 1)};
    }
    [[nodiscard]] Result<SshPublicKey> public_half(std::string_view private_key) override {
        const std::string text(private_key);
        for (const KeyType type : {KeyType::ed25519, KeyType::rsa}) {
            const std::string begin = fmt::format("private {} ", to_string(type));
            if (text.starts_with(begin)) {
                return public_key(type, std::stoi(text.substr(begin.size())), "");
            }
        }
        return Error(Code::invalid_key_format, "this is no private key that amivirt has made");
    }
    CallScript& script() noexcept { return script_; }

private:
    static SshPublicKey public_key(KeyType type, int number, const std::string& comment) {
        return {type, fmt::format("ssh-{} AAAAkey{}{}{}", to_string(type), number, comment.empty() ? "" : " ", comment),
                fmt::format("SHA256:{}", number), fmt::format("ec2:of AAAAkey{}{}{}", number, comment.empty() ? "" : " ", comment)};
    }
    Sync<int> made_{0};
    CallScript script_;
};

/// Steps: "ensure", "write_new", "remove", "check".
class FakePrivateKeyFiles final : public PrivateKeyFiles {
public:
    [[nodiscard]] std::string path(const std::string& name) const override { return "keys/" + name; }
    [[nodiscard]] Result<std::string> ensure(const std::string& name, const std::function<Result<std::string>()>& fresh) override {
        AMIVIRT_TRY(script_.pass("ensure"));
        if (const auto there = text(path(name))) {
            return *there;
        }
        const std::string made = AMIVIRT_TRY(fresh());
        return files_.lock()->emplace(path(name), made).first->second;
    }
    [[nodiscard]] Result<void> write_new(const std::string& file, const std::string& text) override {
        AMIVIRT_TRY(script_.pass("write_new"));
        if (!files_.lock()->emplace(file, text).second) {
            return Error(Code::invalid_parameter_value, fmt::format("\"{}\" is there already", file));
        }
        return {};
    }
    [[nodiscard]] Result<void> remove(const std::string& file) override {
        AMIVIRT_TRY(script_.pass("remove"));
        files_.lock()->erase(file);
        return {};
    }
    [[nodiscard]] Result<void> check(const std::string& file) override {
        AMIVIRT_TRY(script_.pass("check"));
        return text(file) ? Result<void>()
                          : Error(Code::invalid_parameter_value, fmt::format("the private key file \"{}\" is not there", file));
    }
    [[nodiscard]] std::optional<std::string> text(const std::string& file) const {
        auto files = files_.lock();
        const auto found = files->find(file);
        return found == files->end() ? std::nullopt : std::optional(found->second);
    }
    CallScript& script() noexcept { return script_; }

private:
    mutable Sync<std::map<std::string, std::string>> files_;
    CallScript script_;
};

/// Shows what a test says; login_failed until then.
class FakeHostKeys final : public HostKeys {
public:
    [[nodiscard]] Result<std::string> ask(const std::string& address, std::uint16_t port, Duration /*timeout*/) override {
        auto keys = keys_.lock();
        const auto found = keys->find(port);
        return found == keys->end() ? Result<std::string>(Error(Code::login_failed, fmt::format("{} port {} showed no key", address, port)))
                                    : Result<std::string>(found->second);
    }
    void show(std::uint16_t port, std::string key) { keys_.lock()->insert_or_assign(port, std::move(key)); }

private:
    Sync<std::map<std::uint16_t, std::string>> keys_;
};

}  // namespace amivirt::fakes
