/* Preloaded into a process under test: a card with sectors that cannot be read, or that writes less than it was asked to.
 *
 * CAMPUS_BAD_INODE, CAMPUS_BAD_FROM, CAMPUS_BAD_TO: reading any byte of [from, to) of the file with this inode, whatever it is
 * called by then, fails with EIO, the first CAMPUS_BAD_TIMES times where that is given. CAMPUS_SHORT_EVERY: every so many-th pwrite of the process writes half of its bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static uint64_t number(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

static int is_bad(int fd, size_t count, off64_t offset)
{
    struct stat about;
    uint64_t inode = number("CAMPUS_BAD_INODE");
    if (!inode || fstat(fd, &about) != 0 || about.st_ino != inode)
        return 0;
    if ((uint64_t)offset >= number("CAMPUS_BAD_TO") || (uint64_t)offset + count <= number("CAMPUS_BAD_FROM"))
        return 0;
    static uint64_t failed;
    return !getenv("CAMPUS_BAD_TIMES") ||
           __atomic_add_fetch(&failed, 1, __ATOMIC_RELAXED) <= number("CAMPUS_BAD_TIMES");
}

static size_t as_far(size_t count)
{
    static uint64_t calls;
    uint64_t every = number("CAMPUS_SHORT_EVERY");
    return every && count > 1 && __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) % every == 0 ? count / 2 : count;
}

EXPORTED ssize_t pread64(int fd, void *bytes, size_t count, off64_t offset)
{
    if (is_bad(fd, count, offset)) {
        errno = EIO;
        return -1;
    }
    return REAL(pread64)(fd, bytes, count, offset);
}

EXPORTED ssize_t pread(int fd, void *bytes, size_t count, off_t offset)
{
    return pread64(fd, bytes, count, offset);
}

EXPORTED ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset)
{
    return REAL(pwrite64)(fd, bytes, as_far(count), offset);
}

EXPORTED ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
    return pwrite64(fd, bytes, count, offset);
}
