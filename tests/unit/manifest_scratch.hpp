// A folder of its own for each test, gone with it.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace amivirt::test {

class Scratch : public ::testing::Test {
protected:
    Scratch() {
        std::string pattern = (std::filesystem::temp_directory_path() / "amivirt-test-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) {
            throw std::runtime_error("no scratch folder");
        }
        folder_ = std::filesystem::canonical(pattern).string();
    }
    ~Scratch() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    std::string write(const std::string& name, std::string_view text) const {
        std::ofstream(path(name), std::ios::binary) << text;
        return path(name);
    }
    std::string write_program(const std::string& name) const {
        write(name, "#!/bin/sh\n");
        std::filesystem::permissions(path(name), std::filesystem::perms::owner_all);
        return path(name);
    }
    static std::string read(const std::string& file) {
        std::ostringstream text;
        text << std::ifstream(file, std::ios::binary).rdbuf();
        return text.str();
    }
    /// The message's lines after the summary, without "FOLDER/".
    std::vector<std::string> faults(const std::string& message) const {
        std::vector<std::string> lines;
        std::istringstream stream(message);
        std::string line;
        std::getline(stream, line);
        while (std::getline(stream, line)) {
            lines.push_back(line.starts_with(folder_ + "/") ? line.substr(folder_.size() + 1) : line);
        }
        return lines;
    }

    std::string folder_;
};

}  // namespace amivirt::test
