#include "amivirt/base/fault.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace amivirt {
namespace {

#ifdef AMIVIRT_FAULT_INJECTION
constexpr bool k_compiled_in = true;
#else
constexpr bool k_compiled_in = false;
#endif

/// The orders are read once per process, so that each test passes its points in a child.
class FaultDeathTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (!k_compiled_in) {
            GTEST_SKIP() << "fault points are not compiled in (AMIVIRT_FAULT_INJECTION is off)";
        }
        std::string name = (std::filesystem::temp_directory_path() / "amivirt-fault-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        trace_ = folder_ / "trace";
    }
    void TearDown() override {
        if (!folder_.empty()) {
            std::filesystem::remove_all(folder_);
        }
    }
    [[nodiscard]] std::string traced() const {
        std::ifstream file(trace_);
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }
    std::filesystem::path folder_;
    std::filesystem::path trace_;
};

[[noreturn]] void pass_three_points() {
    fault_point("import.stage");
    fault_point("import.convert");
    fault_point("import.register");
    ::_exit(0);
}

TEST_F(FaultDeathTest, TracesEachPointOnALineOfItsOwn) {
    EXPECT_EXIT(
        {
            ::setenv("AMIVIRT_FAULT_TRACE", trace_.c_str(), 1);
            ::unsetenv("AMIVIRT_FAULT_KILL_AT");
            pass_three_points();
        },
        ::testing::ExitedWithCode(0), "");
    EXPECT_EQ(traced(), "import.stage\nimport.convert\nimport.register\n");
}

TEST_F(FaultDeathTest, AppendsToTheTraceOfEarlierProcesses) {
    for (int run = 0; run < 2; ++run) {
        EXPECT_EXIT(
            {
                ::setenv("AMIVIRT_FAULT_TRACE", trace_.c_str(), 1);
                fault_point("run.define");
                ::_exit(0);
            },
            ::testing::ExitedWithCode(0), "");
    }
    EXPECT_EQ(traced(), "run.define\nrun.define\n");
}

TEST_F(FaultDeathTest, KillsAtTheNumberedPointAndNotBefore) {
    const std::vector<std::string> traces{"import.stage\n", "import.stage\nimport.convert\n",
                                          "import.stage\nimport.convert\nimport.register\n"};
    for (std::size_t at = 1; at <= traces.size(); ++at) {
        std::filesystem::remove(trace_);
        EXPECT_EXIT(
            {
                ::setenv("AMIVIRT_FAULT_TRACE", trace_.c_str(), 1);
                ::setenv("AMIVIRT_FAULT_KILL_AT", std::to_string(at).c_str(), 1);
                pass_three_points();
            },
            ::testing::KilledBySignal(SIGKILL), "");
        EXPECT_EQ(traced(), traces[at - 1]);
    }
}

TEST_F(FaultDeathTest, KillsNobodyBeyondTheLastPoint) {
    EXPECT_EXIT(
        {
            ::setenv("AMIVIRT_FAULT_KILL_AT", "4", 1);
            pass_three_points();
        },
        ::testing::ExitedWithCode(0), "");
    EXPECT_FALSE(std::filesystem::exists(trace_));
}

TEST_F(FaultDeathTest, CountsOverAllThreads) {
    EXPECT_EXIT(
        {
            ::setenv("AMIVIRT_FAULT_KILL_AT", "20", 1);
            std::vector<std::thread> threads;
            for (int i = 0; i < 4; ++i) {
                threads.emplace_back([] {
                    for (int j = 0; j < 5; ++j) {
                        fault_point("pool.step");
                    }
                });
            }
            for (std::thread& thread : threads) {
                thread.join();
            }
            ::_exit(0);
        },
        ::testing::KilledBySignal(SIGKILL), "");
}

}  // namespace
}  // namespace amivirt
