#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "faces/ec2/parameters.hpp"

namespace amivirt::ec2 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Parameters decoded(std::string_view form) {
    auto parameters = Parameters::decode(form);
    EXPECT_TRUE(parameters) << form;
    return *parameters;
}

Error fault_of(const Parameters& parameters) {
    const auto checked = parameters.check();
    EXPECT_FALSE(checked);
    return checked ? Error{} : checked.error();
}

TEST(Ec2Parameters, Decoding) {
    const auto all = decoded("A=a+b%20c&B=%C3%A4&C=x%3D%26y&&D&E=1=2");
    EXPECT_EQ(all.text("A"), "a b c");
    EXPECT_EQ(all.text("B"), "\xC3\xA4");
    EXPECT_EQ(all.text("C"), "x=&y");
    EXPECT_EQ(all.text("D"), std::nullopt);
    EXPECT_EQ(all.text("E"), "1=2");
    EXPECT_TRUE(all.check());
}

TEST(Ec2Parameters, WhatIsNoForm) {
    for (const std::string_view form : {"A=%", "A=%4", "A=%zz", "A=%ff", "%c0%80=1", "=x", "A=1&A=2", "A=1&A=1"}) {
        const auto parameters = Parameters::decode(form);
        ASSERT_FALSE(parameters) << form;
        EXPECT_EQ(parameters.error().code, Code::invalid_parameter_value) << form;
    }
}

TEST(Ec2Parameters, ListsInOrderOfTheirNumbers) {
    const auto all = decoded("X.10=j&X.2=b&X.0=z&Y.7.Name=n&Y.7.Value.3=c&Y.7.Value.1=a&X.3=");
    EXPECT_THAT(all.texts("X"), ElementsAre("z", "b", "j"));
    const auto filters = all.list("Y");
    ASSERT_EQ(filters.size(), 1U);
    EXPECT_EQ(filters[0].text("Name"), "n");
    EXPECT_THAT(filters[0].texts("Value"), ElementsAre("a", "c"));
    EXPECT_THAT(all.list("Z"), IsEmpty());
    EXPECT_TRUE(all.check());
}

TEST(Ec2Parameters, DeepIndicesCostNothing) {
    const auto all = decoded("Filter.999999999.Value.18446744073709551615=x&Filter.999999999.Name=n");
    const auto filters = all.list("Filter");
    ASSERT_EQ(filters.size(), 1U);
    EXPECT_THAT(filters[0].texts("Value"), ElementsAre("x"));
    // No number at all, or one that is too large for any, is a parameter nobody knows.
    for (const std::string_view form : {"Filter.x.Name=n", "Filter.-1.Name=n", "Filter.18446744073709551616.Name=n", "Filter.=n"}) {
        const auto odd = decoded(form);
        EXPECT_THAT(odd.list("Filter"), IsEmpty()) << form;
        EXPECT_EQ(fault_of(odd).code, Code::unknown_parameter) << form;
    }
}

TEST(Ec2Parameters, EmptyMeansAbsent) {
    const auto all = decoded("VpcId=&NoDevice=&Flag=&Number=");
    EXPECT_EQ(all.text("VpcId"), std::nullopt);
    EXPECT_EQ(all.raw("NoDevice"), "");
    EXPECT_EQ(all.boolean("Flag"), std::nullopt);
    EXPECT_EQ(all.number("Number"), std::nullopt);
    EXPECT_TRUE(all.check());
}

TEST(Ec2Parameters, FaultsNameTheParameter) {
    const auto missing = decoded("Instance.Name=1");
    EXPECT_EQ(missing.text("Instance.Name"), "1");
    EXPECT_EQ(missing.below("Instance").required("Id"), "");
    EXPECT_EQ(fault_of(missing).code, Code::missing_parameter);
    EXPECT_THAT(fault_of(missing).message, HasSubstr("Instance.Id"));

    const auto unknown = decoded("A=1&Colour=red");
    EXPECT_EQ(unknown.text("A"), "1");
    EXPECT_EQ(fault_of(unknown).code, Code::unknown_parameter);
    EXPECT_THAT(fault_of(unknown).message, HasSubstr("Colour"));

    // Told before all else.
    const auto both = decoded("Colour=red&A=1");
    EXPECT_EQ(both.required("B"), "");
    EXPECT_EQ(both.number("A"), 1U);
    EXPECT_EQ(fault_of(both).code, Code::unknown_parameter);

    const auto values = decoded("B=maybe");
    EXPECT_TRUE(values.boolean("B").has_value());  // some value, and a fault
    EXPECT_THAT(fault_of(values).message, HasSubstr("(maybe) for parameter B"));
    for (const std::string_view name : {"N", "M"}) {
        const auto one = decoded(std::string(name) + (name == "N" ? "=-1" : "=4294967296"));
        EXPECT_EQ(one.number(name), std::nullopt);
        EXPECT_THAT(fault_of(one).message, HasSubstr("parameter " + std::string(name)));
    }
    const auto time = decoded("T=yesterday");
    EXPECT_EQ(time.time("T"), std::nullopt);
    EXPECT_EQ(fault_of(time).code, Code::invalid_parameter_value);
    const auto blob = decoded("Base=%25%25");
    EXPECT_EQ(blob.blob("Base"), std::nullopt);
    EXPECT_EQ(fault_of(blob).code, Code::invalid_parameter_value);
}

TEST(Ec2Parameters, WhatSaysTheSameIsTheSame) {
    const std::string canonical = decoded("A=a+b&X.2=c&B=%41").canonical();
    for (const std::string_view form : {"B=A&X.2=c&A=a%20b", "X.2=c&A=a+b&B=A&Empty=", "%42=A&A=a%20b&&X%2E2=c"}) {
        EXPECT_EQ(decoded(form).canonical(), canonical) << form;
    }
    for (const std::string_view form :
         {"A=a+b&X.2=c&B=a", "A=a+b&X.1=c&B=A", "A=a+b&X.2=c&B=A&C=1", "A=a+b%0AX.2=1:c&B=A", "A=a+b&X.2=c"}) {
        EXPECT_NE(decoded(form).canonical(), canonical) << form;
    }
    EXPECT_NE(decoded("BlockDeviceMapping.1.NoDevice=").canonical(), decoded("").canonical());
}

TEST(Ec2Parameters, BooleansOfAnyCase) {
    const auto all = decoded("A=true&B=True&C=FALSE&D=false");
    EXPECT_EQ(all.boolean("A"), true);
    EXPECT_EQ(all.boolean("B"), true);
    EXPECT_EQ(all.boolean("C"), false);
    EXPECT_EQ(all.flag("D"), false);
    EXPECT_EQ(all.flag("E"), false);
}

TEST(Ec2Parameters, RefusedOnlyWhereSomethingIsSaid) {
    const auto said = decoded("SubnetId=subnet-1&Placement.Tenancy=default");
    said.accept("Placement");
    said.refuse("SubnetId", "there are none");
    EXPECT_EQ(fault_of(said).code, Code::unsupported_operation);
    const auto empty = decoded("SubnetId=");
    empty.refuse("SubnetId", "there are none");
    EXPECT_TRUE(empty.check());
}

TEST(Ec2Parameters, Base64) {
    EXPECT_EQ(base64_decode("aGVsbG8="), "hello");
    EXPECT_EQ(base64_decode("aGVs\nbG8"), "hello");
    EXPECT_EQ(base64_decode(""), "");
    for (const std::string_view text : {"a", "aGVsbG8==", "aG=sbG8", "####", "aGVsb=G8", "===="}) {
        EXPECT_EQ(base64_decode(text), std::nullopt) << text;
    }
    for (const std::string& text : {std::string(), std::string("a"), std::string("ab"), std::string("abc"), std::string("\0\xff\x80", 3)}) {
        EXPECT_EQ(base64_decode(base64_encode(text)), text);
    }
    EXPECT_EQ(base64_encode("hello"), "aGVsbG8=");
    EXPECT_EQ(base64_encode("hell"), "aGVsbA==");
}

TEST(Ec2Parameters, AMessageQuotesLittleOfWhatWasSent) {
    const std::string much(100000, '9');
    const auto in = *Parameters::decode("MaxResults=" + much);
    EXPECT_EQ(in.number("MaxResults"), std::nullopt);
    EXPECT_LT(in.check().error().message.size(), 400U);
    const auto deep = *Parameters::decode("Filter.1." + much + "=x");
    EXPECT_LT(deep.check().error().message.size(), 400U);
    EXPECT_EQ(deep.list("Filter").front().below(much).required("Name"), "");
    EXPECT_LT(deep.check().error().message.size(), 400U);
}

}  // namespace
}  // namespace amivirt::ec2
