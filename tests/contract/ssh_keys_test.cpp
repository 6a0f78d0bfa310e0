// Keys as ssh-keygen reads and writes them, and the files that they are kept in.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include "adapters/process/process_runner.hpp"
#include "adapters/ssh/ssh.hpp"
#include "fakes/fake_ssh.hpp"
#include "temporary_folder.hpp"

namespace amivirt {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// What ssh-keygen prints.
std::string keygen(std::vector<std::string> words) {
    words.insert(words.begin(), "ssh-keygen");
    Command command;
    command.argv = std::move(words);
    const auto result = make_process_runner()->run(command);
    EXPECT_TRUE(result && result->exit_status == 0) << (result ? result->errors : describe(result.error()));
    return result ? result->output : "";
}

std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& file, const std::string& text, mode_t mode = 0600) {
    std::ofstream(file, std::ios::binary) << text;
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
}

class RealKeys : public ::testing::TestWithParam<KeyType> {
protected:
    contract::TemporaryFolder folder_;
    std::unique_ptr<SshKeys> keys_ = make_ssh_keys();
    std::string file(const std::string& name) const { return folder_.path() + "/" + name; }
};

TEST_P(RealKeys, SshKeygenReadsBothHalves) {
    const auto key = keys_->generate(GetParam(), "a comment");
    ASSERT_TRUE(key) << describe(key.error());
    EXPECT_EQ(key->public_key.type, GetParam());
    write(file("key"), key->private_key);
    write(file("key.pub"), key->public_key.line + "\n");
    const std::string again = keygen({"-y", "-P", "", "-f", file("key")});
    const std::string open = key->public_key.line.substr(0, key->public_key.line.find(" a comment"));
    EXPECT_THAT(again, StartsWith(open));
    EXPECT_THAT(keygen({"-l", "-f", file("key.pub")}), HasSubstr(" " + key->public_key.fingerprint + " a comment"));
    const auto half = keys_->public_half(key->private_key);
    ASSERT_TRUE(half) << describe(half.error());
    EXPECT_EQ(half->line, open);
    EXPECT_EQ(half->fingerprint, key->public_key.fingerprint);
    EXPECT_NE(keys_->generate(GetParam(), "")->public_key.line, open);
}

TEST_P(RealKeys, ReadsWhatSshKeygenWrites) {
    keygen({"-q", "-t", std::string(to_string(GetParam())), "-N", "", "-C", "me@desk of mine", "-f", file("key")});
    const auto read_back = keys_->read_public("# mine\n\n" + read(file("key.pub")));
    ASSERT_TRUE(read_back) << describe(read_back.error());
    EXPECT_EQ(read_back->type, GetParam());
    EXPECT_EQ(read_back->line + "\n", read(file("key.pub")));
    EXPECT_THAT(keygen({"-l", "-f", file("key.pub")}), HasSubstr(read_back->fingerprint));
}

TEST_P(RealKeys, ReadsRfc4716) {
    keygen({"-q", "-t", std::string(to_string(GetParam())), "-N", "", "-C", "me: at \\ home", "-f", file("key")});
    const auto plain = keys_->read_public(read(file("key.pub")));
    const auto text = keygen({"-e", "-m", "RFC4716", "-f", file("key.pub")});
    const auto read_back = keys_->read_public(text);
    ASSERT_TRUE(plain && read_back) << describe(read_back.error());
    EXPECT_EQ(read_back->line, plain->line.substr(0, plain->line.rfind(" me:")));
    EXPECT_EQ(read_back->fingerprint, plain->fingerprint);
    EXPECT_FALSE(keys_->read_public(text.substr(0, text.size() / 2)));
}

INSTANTIATE_TEST_SUITE_P(Types, RealKeys, ::testing::Values(KeyType::ed25519, KeyType::rsa),
                         [](const auto& type) { return std::string(to_string(type.param)); });

/// As EC2's guide says that one finds them oneself.
TEST(RealKeysForEc2, FingerprintsAreWhatOpensslSays) {
    const contract::TemporaryFolder folder;
    const auto keys = make_ssh_keys();
    const auto said = [&](std::vector<std::string> words) {
        words.insert(words.begin(), "openssl");
        Command command;
        command.argv = std::move(words);
        const auto result = make_process_runner()->run(command);
        EXPECT_TRUE(result && result->exit_status == 0) << (result ? result->errors : describe(result.error()));
        const std::string output = result ? result->output : "";
        return output.substr(output.rfind(' ') + 1, output.find_last_not_of('\n') - output.rfind(' '));
    };
    const auto rsa = keys->generate(KeyType::rsa, "");
    ASSERT_TRUE(rsa);
    const std::string file = folder.path() + "/key";
    write(file, rsa->private_key);
    said({"pkcs8", "-in", file, "-outform", "DER", "-topk8", "-nocrypt", "-out", file + ".der"});
    EXPECT_EQ(rsa->public_key.ec2_fingerprint, said({"dgst", "-sha1", "-c", file + ".der"}));
    EXPECT_EQ(rsa->public_key.ec2_fingerprint.size(), 59U);
    said({"rsa", "-in", file, "-pubout", "-outform", "DER", "-out", file + ".pub.der"});
    EXPECT_EQ(keys->read_public(rsa->public_key.line)->ec2_fingerprint, said({"dgst", "-md5", "-c", file + ".pub.der"}));
    const auto curve = keys->generate(KeyType::ed25519, "");
    ASSERT_TRUE(curve);
    EXPECT_EQ("SHA256:" + curve->public_key.ec2_fingerprint, curve->public_key.fingerprint + "=");
    EXPECT_EQ(keys->read_public(curve->public_key.line)->ec2_fingerprint, curve->public_key.ec2_fingerprint);
}

TEST(RealKeysBadInput, SaysWhatIsWrong) {
    const auto keys = make_ssh_keys();
    const std::string good = keys->generate(KeyType::ed25519, "")->public_key.line;
    const auto why = [&](const std::string& text) {
        const auto result = keys->read_public(text);
        EXPECT_FALSE(result) << text;
        EXPECT_EQ(result ? Code::busy : result.error().code, Code::invalid_key_format) << text;
        return result ? "" : result.error().message;
    };
    EXPECT_THAT(why(""), HasSubstr("empty"));
    EXPECT_THAT(why("# nothing\n"), HasSubstr("empty"));
    EXPECT_THAT(why("hello world"), HasSubstr("begins with \"hello\""));
    EXPECT_THAT(why(good + "\n" + good), HasSubstr("more than one line"));
    EXPECT_THAT(why(keys->generate(KeyType::ed25519, "")->private_key), HasSubstr("private key"));
    EXPECT_THAT(why("ssh-ed25519"), HasSubstr("no base64"));
    EXPECT_THAT(why("ssh-ed25519 ===="), HasSubstr("no base64"));
    EXPECT_THAT(why(good.substr(0, good.size() - 4)), HasSubstr("damaged"));
    EXPECT_THAT(why("ssh-rsa " + good.substr(12)), HasSubstr("no key of that type"));
    EXPECT_THAT(why("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQM="), HasSubstr("it has 2 bits"));
    EXPECT_THAT(why("ecdsa-sha2-nistp256 AAAA"), HasSubstr("begins with \"ecdsa"));
    EXPECT_THAT(why(good + " a\tb\x01"), HasSubstr("control character"));
    EXPECT_THAT(why(std::string(70000, 'x')), HasSubstr("too long"));
    EXPECT_FALSE(keys->public_half("junk"));
    EXPECT_FALSE(keys->public_half("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"));
}

/// The same of the fake and of the real one.
class KeyFilesContract : public ::testing::TestWithParam<bool> {
protected:
    contract::TemporaryFolder folder_;
    std::unique_ptr<PrivateKeyFiles> files_ =
        GetParam() ? make_private_key_files(folder_.path() + "/home/keys") : std::make_unique<fakes::FakePrivateKeyFiles>();
};

TEST_P(KeyFilesContract, MadeOnceAndThenKept) {
    EXPECT_FALSE(files_->check(files_->path("a")));
    EXPECT_EQ(files_->ensure("a", [] { return Error(Code::busy, "no key today"); }).error().code, Code::busy);
    EXPECT_FALSE(files_->check(files_->path("a")));
    EXPECT_EQ(*files_->ensure("a", []() -> Result<std::string> { return std::string("first"); }), "first");
    EXPECT_EQ(*files_->ensure("a", []() -> Result<std::string> { return std::string("second"); }), "first");
    EXPECT_TRUE(files_->check(files_->path("a")));
}

TEST_P(KeyFilesContract, NeverOverAnother) {
    const std::string file = folder_.path() + "/out.pem";
    ASSERT_TRUE(files_->write_new(file, "one"));
    const auto again = files_->write_new(file, "two");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::invalid_parameter_value);
    EXPECT_THAT(again.error().message, HasSubstr("\"" + file + "\""));
    EXPECT_TRUE(files_->remove(file));
    EXPECT_TRUE(files_->remove(file)) << "idempotent";
    EXPECT_TRUE(files_->write_new(file, "two"));
}

INSTANTIATE_TEST_SUITE_P(FakeAndReal, KeyFilesContract, ::testing::Bool(), [](const auto& real) { return real.param ? "real" : "fake"; });

class RealKeyFiles : public ::testing::Test {
protected:
    contract::TemporaryFolder folder_;
    std::unique_ptr<PrivateKeyFiles> files_ = make_private_key_files(folder_.path() + "/keys");
    static unsigned mode(const std::string& path) {
        struct stat status {};
        EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
        return status.st_mode & 07777U;
    }
};

TEST_F(RealKeyFiles, OnlyTheirOwnersMayReadThem) {
    const mode_t before = ::umask(0);
    EXPECT_TRUE(files_->ensure("a", []() -> Result<std::string> { return std::string("text"); }));
    EXPECT_TRUE(files_->write_new(folder_.path() + "/b", "text"));
    ::umask(before);
    EXPECT_EQ(mode(folder_.path() + "/keys"), 0700U);
    EXPECT_EQ(mode(files_->path("a")), 0600U);
    EXPECT_EQ(mode(folder_.path() + "/b"), 0600U);
    std::size_t files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_.path() + "/keys")) {
        ++files;
    }
    EXPECT_EQ(files, 1U) << "no temporaries";
}

TEST_F(RealKeyFiles, SaysWhySshWouldNotTakeIt) {
    const std::string file = folder_.path() + "/key";
    const auto why = [&](const std::string& path) {
        const auto result = files_->check(path);
        EXPECT_FALSE(result);
        return result ? Error() : result.error();
    };
    EXPECT_THAT(why(file).message, HasSubstr("\"" + file + "\" is not there"));
    write(file, "text", 0644);
    EXPECT_THAT(why(file).message, HasSubstr("\"" + file + "\" has mode 0644"));
    EXPECT_THAT(why(file).hint, HasSubstr("chmod 600"));
    EXPECT_THAT(why(folder_.path()).message, HasSubstr("is not a file"));
    EXPECT_FALSE(files_->write_new(folder_.path() + "/nowhere/key", "text"));
    ASSERT_EQ(::chmod(file.c_str(), 0400), 0);
    EXPECT_TRUE(files_->check(file));
}

TEST_F(RealKeyFiles, WhatKilledWritersLeftIsRemoved) {
    const auto make = [] { return Result<std::string>("the key"); };
    ASSERT_TRUE(files_->ensure("first", make));
    const std::string keys = std::filesystem::path(files_->path("first")).parent_path().string();
    const std::vector<std::string> left{keys + "/.first.12.0.part", keys + "/.a.b.99999.7.part"};
    const std::vector<std::string> others{keys + "/.first.part", keys + "/.first.x.0.part", keys + "/first.12.0.part",
                                          keys + "/..1.2.part"};
    for (const auto& all : {left, others}) {
        for (const auto& file : all) {
            write(file, "half a k");
        }
    }
    const std::string busy = keys + "/.first.13.0.part";
    write(busy, "half a k");
    const int fd = ::open(busy.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::flock(fd, LOCK_EX), 0);
    EXPECT_EQ(*files_->ensure("first", make), "the key");
    for (const auto& file : left) {
        EXPECT_FALSE(std::filesystem::exists(file)) << file;
    }
    for (const auto& file : others) {
        EXPECT_TRUE(std::filesystem::exists(file)) << file;
    }
    EXPECT_TRUE(std::filesystem::exists(busy)) << "its writer lives";
    ::close(fd);
    EXPECT_EQ(*files_->ensure("first", make), "the key");
    EXPECT_FALSE(std::filesystem::exists(busy));

    // Anywhere else only those of the file that is written.
    write(keys + "/.mine.12.0.part", "half a k");
    write(keys + "/.other.12.0.part", "half a k");
    ASSERT_TRUE(files_->write_new(keys + "/mine", "text"));
    EXPECT_FALSE(std::filesystem::exists(keys + "/.mine.12.0.part"));
    EXPECT_TRUE(std::filesystem::exists(keys + "/.other.12.0.part"));
    EXPECT_EQ(read(keys + "/mine"), "text");
}

TEST_F(RealKeyFiles, OfManyAtOnceAllGetTheSame) {
    std::array<std::string, 8> got;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < got.size(); ++i) {
        threads.emplace_back([&, i] {
            const auto files = make_private_key_files(folder_.path() + "/keys");
            got[i] = files->ensure("a", [&]() -> Result<std::string> { return "text " + std::to_string(i); }).value_or("");
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_THAT(got[0], StartsWith("text "));
    EXPECT_THAT(got, ::testing::Each(got[0]));
}

}  // namespace
}  // namespace amivirt
