// Launch templates: names, versions, who sees them.
#include "services_bench.hpp"

namespace amivirt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LaunchTemplatesTest : public testing::Bench {
protected:
    LaunchTemplate make(const std::string& name, const LaunchTemplateData& data = {{"InstanceType", "t3.nano"}}) {
        auto made = templates.create(me, {name, "first", data, {{"team", "a"}}});
        EXPECT_TRUE(made.has_value()) << describe(made.error());
        return made.value_or(LaunchTemplate{});
    }
    template <class T>
    static Code code_of(const Result<T>& result) {
        EXPECT_FALSE(result.has_value());
        return result ? Code::internal_error : result.error().code;
    }
    static std::vector<std::uint64_t> numbers(const LaunchTemplate& launch_template) {
        std::vector<std::uint64_t> all;
        for (const auto& version : launch_template.versions) {
            all.push_back(version.number);
        }
        return all;
    }
};

TEST_F(LaunchTemplatesTest, AreFoundByIdAndNameByTheirOwner) {
    const auto made = make("web");
    for (const LaunchTemplateRef& which : {LaunchTemplateRef{made.id.str(), ""}, LaunchTemplateRef{"", "web"}}) {
        const auto found = templates.find(me, which);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->id, made.id);
        EXPECT_EQ(found->name, "web");
        EXPECT_EQ(found->created, made.created);
        EXPECT_EQ(found->tags, made.tags);
        ASSERT_EQ(found->versions.size(), 1U);
        EXPECT_EQ(found->versions.front().data, made.versions.front().data);
        EXPECT_EQ(found->versions.front().description, "first");
    }
    EXPECT_EQ(code_of(templates.find(other, {made.id.str(), ""})), Code::invalid_launch_template_id_not_found);
    EXPECT_EQ(code_of(templates.find(other, {"", "web"})), Code::invalid_launch_template_name_not_found);
    EXPECT_EQ(code_of(templates.find(me, {"web", ""})), Code::invalid_launch_template_id_malformed);
    EXPECT_THAT(templates.list(other).value(), IsEmpty());
    EXPECT_EQ(templates.list(me).value().size(), 1U);
}

TEST_F(LaunchTemplatesTest, NamesAreUniqueForEachAccount) {
    make("web");
    EXPECT_EQ(code_of(templates.create(me, {"web", "", {{"ImageId", "ami-1"}}, {}})), Code::invalid_launch_template_name_exists);
    EXPECT_TRUE(templates.create(other, {"web", "", {{"ImageId", "ami-1"}}, {}}));
    for (const std::string bad : {"", "ab", "a b c", "name\n", "n\xc3\xa4me"}) {
        EXPECT_EQ(code_of(templates.create(me, {bad, "", {{"ImageId", "ami-1"}}, {}})), Code::invalid_launch_template_name_malformed)
            << bad;
    }
    EXPECT_EQ(code_of(templates.create(me, {std::string(129, 'a'), "", {{"ImageId", "ami-1"}}, {}})),
              Code::invalid_launch_template_name_malformed);
    EXPECT_TRUE(templates.create(me, {"(a)./-_9" + std::string(120, 'z'), "", {{"ImageId", "ami-1"}}, {}}));
    EXPECT_EQ(code_of(templates.create(me, {"empty", "", {}, {}})), Code::missing_parameter);
    EXPECT_EQ(code_of(templates.create(me, {"tagged", "", {{"ImageId", "ami-1"}}, {{"aws:x", ""}}})), Code::invalid_parameter_value);
    EXPECT_EQ(code_of(templates.create(me, {"long", std::string(256, 'x'), {{"ImageId", "ami-1"}}, {}})), Code::invalid_parameter_value);
}

TEST_F(LaunchTemplatesTest, AVersionOverlaysItsSource) {
    const auto made = make("web", {{"InstanceType", "t3.nano"},
                                   {"ImageId", "ami-1"},
                                   {"MetadataOptions.HttpTokens", "required"},
                                   {"MetadataOptions.HttpEndpoint", "enabled"}});
    const LaunchTemplateRef which{made.id.str(), ""};
    auto changed = templates.add_version(me, which, {"1", "", {{"InstanceType", "t3.micro"}, {"MetadataOptions.HttpTokens", "optional"}}});
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->versions.back().number, 2U);
    EXPECT_EQ(changed->versions.back().data,
              (LaunchTemplateData{{"ImageId", "ami-1"}, {"InstanceType", "t3.micro"}, {"MetadataOptions.HttpTokens", "optional"}}));
    EXPECT_EQ(changed->default_version, 1U);
    // Without a source there is what was said, and no more.
    changed = templates.add_version(me, which, {"", "", {{"ImageId", "ami-2"}}});
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->versions.back().data, (LaunchTemplateData{{"ImageId", "ami-2"}}));
    EXPECT_TRUE(templates.add_version(me, which, {"$Latest", "a copy", {}}));
    EXPECT_EQ(code_of(templates.add_version(me, which, {"", "", {}})), Code::missing_parameter);
    EXPECT_EQ(code_of(templates.add_version(me, which, {"9", "", {{"ImageId", "ami-2"}}})),
              Code::invalid_launch_template_version_not_found);
    EXPECT_EQ(code_of(templates.add_version(me, which, {"last", "", {{"ImageId", "ami-2"}}})), Code::invalid_parameter_value);
    EXPECT_THAT(numbers(*templates.find(me, which)), ElementsAre(1, 2, 3, 4));
}

TEST_F(LaunchTemplatesTest, VersionsByNumberAndWord) {
    const auto made = make("web");
    const LaunchTemplateRef which{"", "web"};
    ASSERT_TRUE(templates.add_version(me, which, {"", "", {{"ImageId", "ami-2"}}}));
    ASSERT_TRUE(templates.add_version(me, which, {"", "", {{"ImageId", "ami-3"}}}));
    EXPECT_EQ(code_of(templates.set_default(me, which, "4")), Code::invalid_launch_template_version_not_found);
    const auto changed = templates.set_default(me, which, "2");
    ASSERT_TRUE(changed);
    EXPECT_EQ(find_version(*changed, "")->number, 2U);
    EXPECT_EQ(find_version(*changed, "$Default")->number, 2U);
    EXPECT_EQ(find_version(*changed, "$Latest")->number, 3U);
    EXPECT_EQ(find_version(*changed, "1")->number, 1U);
    EXPECT_EQ(code_of(find_version(*changed, "$Newest")), Code::invalid_parameter_value);
    EXPECT_EQ(code_of(find_version(*changed, "99999999999999999999")), Code::invalid_parameter_value);
    // The default stays, what is not there is told, and no number is given twice.
    const auto outcome = templates.remove_versions(me, which, {3, 2, 7});
    ASSERT_TRUE(outcome);
    EXPECT_THAT(outcome->deleted, ElementsAre(3));
    ASSERT_EQ(outcome->kept.size(), 2U);
    EXPECT_EQ(outcome->kept[0].reason.code, Code::operation_not_permitted);
    EXPECT_EQ(outcome->kept[1].reason.code, Code::invalid_launch_template_version_not_found);
    EXPECT_EQ(latest_version(outcome->launch_template), 2U);
    EXPECT_EQ(templates.add_version(me, which, {"", "", {{"ImageId", "ami-4"}}})->versions.back().number, 4U);
}

TEST_F(LaunchTemplatesTest, DeletedIsGone) {
    const auto made = make("web");
    EXPECT_EQ(code_of(templates.remove(other, {"", "web"})), Code::invalid_launch_template_name_not_found);
    ASSERT_TRUE(templates.remove(me, {"", "web"}));
    EXPECT_EQ(code_of(templates.find(me, {made.id.str(), ""})), Code::invalid_launch_template_id_not_found);
    EXPECT_THAT(rows(&CatalogSession::documents), IsEmpty());
    make("web");
}

TEST_F(LaunchTemplatesTest, TagsAreReachedAsOthersAre) {
    const auto made = make("web");
    ASSERT_TRUE(tagging.add(me, {made.id.str()}, {{"Name", "w"}}));
    EXPECT_EQ(templates.find(me, {"", "web"})->tags, (Tags{{"Name", "w"}, {"team", "a"}}));
    const auto described = tagging.describe(me, {{"resource-type", {"launch-template"}}});
    ASSERT_TRUE(described);
    EXPECT_EQ(described->records.size(), 2U);
    EXPECT_EQ(described->records.front().resource, made.id.str());
    EXPECT_FALSE(tagging.add(other, {made.id.str()}, {{"Name", "x"}}));
    ASSERT_TRUE(tagging.remove(me, {made.id.str()}, std::nullopt));
    EXPECT_THAT(templates.find(me, {"", "web"})->tags, IsEmpty());
}

TEST_F(LaunchTemplatesTest, SystemTagsStayAndDoNotCount) {
    import("tiny");
    RunRequest request;
    request.image = "tiny";
    request.type = "t3.nano";
    request.tags = {{"aws:mine", ""}};
    EXPECT_EQ(code_of(instances.run(me, request, progress)), Code::invalid_parameter_value);
    request.tags.clear();
    request.system_tags = {{"aws:ec2launchtemplate:version", "1"}};
    const auto run = instances.run(me, request, progress);
    ASSERT_TRUE(run);
    const auto id = run->front().id.str();
    Tags many;
    for (int i = 0; i < 50; ++i) {
        many["key" + std::to_string(i)] = "";
    }
    EXPECT_TRUE(tagging.add(me, {id}, many));
    EXPECT_EQ(code_of(tagging.add(me, {id}, {{"one more", ""}})), Code::tag_limit_exceeded);
    EXPECT_EQ(code_of(tagging.add(me, {id}, {{"aws:ec2launchtemplate:version", "2"}})), Code::invalid_parameter_value);
    EXPECT_EQ(code_of(tagging.remove(me, {id}, TagsToRemove{{"aws:ec2launchtemplate:version", std::nullopt}})),
              Code::invalid_parameter_value);
    ASSERT_TRUE(tagging.remove(me, {id}, std::nullopt));
    EXPECT_EQ(instances.resolve(me, id)->tags, request.system_tags);
}

TEST_F(LaunchTemplatesTest, UnreadableOnesHideNoOthers) {
    const auto made = make("web");
    ASSERT_TRUE(catalog.write([&](CatalogSession& session) {
        return session.documents().insert({"launch-template/lt-0123456789abcdef0", "launch-template", me.str(), "no JSON", clock.now()});
    }));
    EXPECT_EQ(templates.list(me).value().size(), 1U);
    EXPECT_EQ(code_of(templates.find(me, {"lt-0123456789abcdef0", ""})), Code::store_corrupt);
}

}  // namespace
}  // namespace amivirt
