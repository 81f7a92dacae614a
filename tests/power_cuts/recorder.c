/* Preloaded into a process under test: writes down what it does to the files of one folder, in the order it happens.
 *
 * CAMPUS_RECORDED names the folder, CAMPUS_RECORDING the log that is appended to. One entry of the log:
 *     byte kind, byte length of name, u32 length of data, u64 offset (little-endian), name, data
 * with kind C create, W write, T truncate (offset = size), S sync (an empty name is the folder itself),
 * R rename (data = new name) and U unlink. A call that failed is not written down; a short write as far as it went.
 * Names are relative to the folder; what is mapped into memory (SQLite's -shm, rebuilt at every start) is not seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS_MAX 1024
#define EXPORTED __attribute__((visibility("default")))
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static char *names[FDS_MAX]; /* what a descriptor is open on, NULL when it is none of ours */
static int log_fd = -1;
static const char *folder;
static size_t folder_length;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CAMPUS_RECORDING");
    folder = getenv("CAMPUS_RECORDED");
    if (!path || !folder)
        return;
    folder_length = strlen(folder);
    log_fd = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0)
        abort();
}

/* The name inside the folder, "" for the folder itself, NULL for what is elsewhere. */
static const char *inside(const char *path)
{
    if (log_fd < 0 || strncmp(path, folder, folder_length) != 0)
        return NULL;
    if (path[folder_length] == '\0')
        return "";
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

static void put(const void *bytes, size_t length)
{
    ssize_t (*real)(int, const void *, size_t) = REAL(write);
    for (const char *at = bytes; length > 0;) {
        ssize_t done = real(log_fd, at, length);
        if (done < 0)
            abort(); /* a recording with a hole would prove nothing */
        at += done;
        length -= (size_t)done;
    }
}

/* Called with `order` held, so that the log's order is the order of the calls. */
static void note(char kind, const char *name, uint64_t offset, const void *data, uint32_t length)
{
    unsigned char head[14] = {(unsigned char)kind, (unsigned char)strlen(name)};
    for (int i = 0; i < 4; i++)
        head[2 + i] = (unsigned char)(length >> 8 * i);
    for (int i = 0; i < 8; i++)
        head[6 + i] = (unsigned char)(offset >> 8 * i);
    put(head, sizeof head);
    put(name, strlen(name));
    put(data, length);
}

static const char *name_of(int fd) { return fd >= 0 && fd < FDS_MAX ? names[fd] : NULL; }

static int opened(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
    const char *name = inside(path);
    if (!name)
        return real(path, flags, mode);
    pthread_mutex_lock(&order);
    int is_new = (flags & O_CREAT) && access(path, F_OK) != 0;
    int fd = real(path, flags, mode);
    if (fd >= FDS_MAX)
        abort();
    if (fd >= 0) {
        free(names[fd]);
        names[fd] = strdup(name);
        if (is_new)
            note('C', name, 0, "", 0);
        else if (flags & O_TRUNC)
            note('T', name, 0, "", 0);
    }
    pthread_mutex_unlock(&order);
    return fd;
}

#define OPEN(symbol)                                                                                                   \
    EXPORTED int symbol(const char *path, int flags, ...)                                                              \
    {                                                                                                                  \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                                        \
        va_end(more);                                                                                                  \
        return opened(REAL(symbol), path, flags, mode);                                                                \
    }
OPEN(open)
OPEN(open64)

EXPORTED int close(int fd)
{
    pthread_mutex_lock(&order);
    if (name_of(fd)) {
        free(names[fd]);
        names[fd] = NULL;
    }
    int done = REAL(close)(fd);
    pthread_mutex_unlock(&order);
    return done;
}

EXPORTED ssize_t write(int fd, const void *data, size_t length)
{
    const char *name = name_of(fd);
    if (!name)
        return REAL(write)(fd, data, length);
    pthread_mutex_lock(&order);
    off_t at = fcntl(fd, F_GETFL) & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    ssize_t done = REAL(write)(fd, data, length);
    if (done > 0)
        note('W', name, (uint64_t)at, data, (uint32_t)done);
    pthread_mutex_unlock(&order);
    return done;
}

#define PWRITE(symbol, offset_type)                                                                                    \
    EXPORTED ssize_t symbol(int fd, const void *data, size_t length, offset_type offset)                               \
    {                                                                                                                  \
        const char *name = name_of(fd);                                                                                \
        if (!name)                                                                                                     \
            return REAL(symbol)(fd, data, length, offset);                                                             \
        pthread_mutex_lock(&order);                                                                                    \
        ssize_t done = REAL(symbol)(fd, data, length, offset);                                                         \
        if (done > 0)                                                                                                  \
            note('W', name, (uint64_t)offset, data, (uint32_t)done);                                                   \
        pthread_mutex_unlock(&order);                                                                                  \
        return done;                                                                                                   \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

/* A call on a descriptor that is written down when it succeeds. */
#define NOTED(symbol, parameters, call, kind, offset)                                                                  \
    EXPORTED int symbol parameters                                                                                     \
    {                                                                                                                  \
        pthread_mutex_lock(&order);                                                                                    \
        int done = REAL(symbol) call;                                                                                  \
        if (done == 0 && name_of(fd))                                                                                  \
            note(kind, name_of(fd), (uint64_t)(offset), "", 0);                                                        \
        pthread_mutex_unlock(&order);                                                                                  \
        return done;                                                                                                   \
    }
NOTED(ftruncate, (int fd, off_t size), (fd, size), 'T', size)
NOTED(ftruncate64, (int fd, off64_t size), (fd, size), 'T', size)
NOTED(fsync, (int fd), (fd), 'S', 0)
NOTED(fdatasync, (int fd), (fd), 'S', 0)

EXPORTED int unlink(const char *path)
{
    const char *name = inside(path);
    pthread_mutex_lock(&order);
    int done = REAL(unlink)(path);
    if (done == 0 && name)
        note('U', name, 0, "", 0);
    pthread_mutex_unlock(&order);
    return done;
}

EXPORTED int rename(const char *from, const char *to)
{
    const char *name = inside(from), *other = inside(to);
    pthread_mutex_lock(&order);
    int done = REAL(rename)(from, to);
    if (done == 0 && name && other) {
        note('R', name, 0, other, (uint32_t)strlen(other));
        for (int fd = 0; fd < FDS_MAX; fd++)
            if (names[fd] && strcmp(names[fd], name) == 0) { /* what is open on it goes with it */
                free(names[fd]);
                names[fd] = strdup(other);
            }
    }
    pthread_mutex_unlock(&order);
    return done;
}
