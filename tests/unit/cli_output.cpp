// Tables, JSON, YAML, and what is said on stderr.
#include "faces/cli/output.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "faces/cli/talk.hpp"

namespace amivirt::cli {
namespace {

using Json = nlohmann::ordered_json;

Document document(Json root) { return {std::make_shared<const Json>(std::move(root))}; }

TEST(CliOutput, FormatsByName) {
    EXPECT_EQ(*parse_format("table"), Format::table);
    EXPECT_EQ(*parse_format("json"), Format::json);
    EXPECT_EQ(*parse_format("yaml"), Format::yaml);
    EXPECT_EQ(*parse_format("id"), Format::id);
    const auto wrong = parse_format("jsno");
    EXPECT_EQ(wrong.error().message, "Invalid output format \"jsno\" (expecting table | json | yaml | id)");
    EXPECT_EQ(wrong.error().hint, "did you mean \"json\"?");
    EXPECT_FALSE(parse_format(""));
}

TEST(CliOutput, TableAlignsByCharactersAndCutsNothing) {
    TextTable table({"ID", "NAME", "AGE"});
    table.add({"i-1", "Zürich", "3 s"});
    table.add({"i-22", "", "4 s"});
    EXPECT_EQ(table.str(),
              "ID    NAME    AGE\n"
              "i-1   Zürich  3 s\n"
              "i-22  -       4 s\n");
}

TEST(CliOutput, TableCellsCannotBreakTheTable) {
    TextTable table({"NAME"});
    table.add({"a\nb\x1b[2J"});
    EXPECT_EQ(table.str(), "NAME\na\\x0ab\\x1b[2J\n");
}

TEST(CliOutput, EmptyTableIsItsHeader) { EXPECT_EQ(TextTable({"ID", "NAME"}).str(), "ID  NAME\n"); }

TEST(CliOutput, FieldsLeaveOutWhatIsEmpty) {
    FieldList fields;
    fields.add("Image", "ami-1");
    fields.add("Description", "");
    fields.add("Boot mode", "uefi");
    EXPECT_EQ(fields.str(), "Image      ami-1\nBoot mode  uefi\n");
}

TEST(CliOutput, JsonKeepsOrderAndSurvivesBytesThatAreNotUtf8) {
    EXPECT_EQ(to_json(document({{"B", 1}, {"A", "x"}})), "{\n    \"B\": 1,\n    \"A\": \"x\"\n}\n");
    const auto parsed = Json::parse(to_json(document({{"A",
                                                       "a\xff"
                                                       "b"}})));
    EXPECT_EQ(parsed["A"],
              "a\xef\xbf\xbd"
              "b");
}

TEST(CliOutput, YamlReadsBackAsWhatItWas) {
    const std::vector<std::string> strings{"running", "000000000000", "no",        "1e3",        "2026-11-22T05:30:00.000Z",
                                           "",        "a: b",         "# x",       "two\nlines", "null",
                                           "~",       "\"q\"",        "/dev/sda1", "- x",        "t3.micro",
                                           "ä\tb",    "trailing "};
    Json list = Json::array();
    for (const std::string& text : strings) {
        list.push_back(text);
    }
    const std::string yaml =
        to_yaml(document({{"Strings", list}, {"Flag", true}, {"Number", 16}, {"None", Json::array()}, {"Empty", Json::object()}}));
    const YAML::Node root = YAML::Load(yaml);
    ASSERT_EQ(root["Strings"].size(), strings.size()) << yaml;
    for (std::size_t i = 0; i < strings.size(); ++i) {
        EXPECT_EQ(root["Strings"][i].as<std::string>(), strings[i]) << yaml;
        // Quoted: another reader of YAML must not take it for a number, a boolean or nothing.
        if (strings[i] != "running" && strings[i] != "t3.micro") {
            EXPECT_EQ(root["Strings"][i].Tag(), "!") << strings[i];
        }
    }
    EXPECT_TRUE(root["Flag"].as<bool>());
    EXPECT_EQ(root["Number"].as<int>(), 16);
    EXPECT_TRUE(root["None"].IsSequence()) << yaml;
    EXPECT_TRUE(root["Empty"].IsMap()) << yaml;
}

TEST(CliOutput, OnlyTheFormAskedForIsMade) {
    Answer answer;
    answer.ids = {"i-1", "i-2"};
    answer.table = [] { return std::string("the table\n"); };
    answer.document = []() -> Document { throw std::logic_error("not asked for"); };
    EXPECT_EQ(render(answer, Format::table), "the table\n");
    EXPECT_EQ(render(answer, Format::id), "i-1\ni-2\n");
    EXPECT_THROW((void)render(answer, Format::json), std::logic_error);
}

TEST(CliErrors, MessageCodeHint) {
    const Error error(Code::invalid_ami_id_not_found, "image \"debain-12\" not found", "did you mean \"debian-12\"?");
    EXPECT_EQ(render_error(error, 0),
              "amivirt: image \"debain-12\" not found (InvalidAMIID.NotFound)\nhint: did you mean \"debian-12\"?\n");
}

TEST(CliErrors, TheWayUpIsToldOnceAndOnlyWhenAsked) {
    Error error(Code::io_error, "cannot write \"x\"");
    error.context = {"writing the seed", "launching i-1", "writing the seed"};
    EXPECT_EQ(render_error(error, 0), "amivirt: cannot write \"x\" (IOError)\n");
    EXPECT_EQ(render_error(error, -1), "amivirt: cannot write \"x\" (IOError)\n");
    EXPECT_EQ(render_error(error, 1), "amivirt: cannot write \"x\" (IOError)\n  while writing the seed\n  while launching i-1\n");
}

TEST(CliErrors, QuotedValuesCannotSteerTheTerminal) {
    EXPECT_EQ(render_error(usage_error("unknown command \"\x1b]0;x\x07\""), 0), "amivirt: unknown command \"\\x1b]0;x\\x07\"\n");
}

}  // namespace
}  // namespace amivirt::cli
