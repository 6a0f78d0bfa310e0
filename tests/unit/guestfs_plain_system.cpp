// What a stranger's /etc/fstab mounts.
#include <gmock/gmock.h>

#include "adapters/guestfs/plain_system.hpp"

namespace amivirt::guestfs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;

TEST(Fstab, NamesWhatIsMountedBesideTheRoot) {
    EXPECT_THAT(parse_fstab("# <file system>\n\nUUID=1-2 / ext4 defaults 0 1\nLABEL=ESP\t/boot/efi vfat noauto 0 0\nUUID=9 /home ext4\n"),
                Optional(ElementsAre(Pair("LABEL=ESP", "/boot/efi"), Pair("UUID=9", "/home"))));
    EXPECT_THAT(parse_fstab(""), Optional(IsEmpty()));
}

TEST(Fstab, PassesOverWhatIsNoDisk) {
    EXPECT_THAT(parse_fstab("tmpfs /tmp tmpfs\nserver:/share /mnt nfs\nUUID=3 none swap sw\n/dev/sda1 / ext4\nproc /proc proc\n"),
                Optional(IsEmpty()));
}

TEST(Fstab, GivesUpOnWhatIsNotPlain) {
    EXPECT_EQ(parse_fstab("/dev/sdb1 /home ext4\n"), std::nullopt);
    EXPECT_EQ(parse_fstab("PARTUUID=1 /home ext4\n"), std::nullopt);
    EXPECT_EQ(parse_fstab("UUID=1 /my\\040home ext4\n"), std::nullopt);
    EXPECT_EQ(parse_fstab("UUID=\"1\" /home ext4\n"), std::nullopt);
    EXPECT_EQ(parse_fstab("UUID=1\n"), std::nullopt);
    EXPECT_EQ(parse_fstab("UUID=1 home ext4\n"), std::nullopt);
}

}  // namespace
}  // namespace amivirt::guestfs
