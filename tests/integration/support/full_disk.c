/* Loaded into PostgreSQL by a test: while the file named by FULL_DISK is there, the disk is
   full, that is, no file can grow (ENOSPC). What a file has already can be written over, as on
   most file systems. A mount of a small file system would need rights that CI may not have. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int is_full(int fd, off_t end)
{
    const char *flag = getenv("FULL_DISK");
    struct stat file;
    int before = errno;
    /* Standard error is the log, in which the tests read. */
    int full = fd > 2 && flag && access(flag, F_OK) == 0 && fstat(fd, &file) == 0 &&
               S_ISREG(file.st_mode) && end > file.st_size;
    errno = before;
    return full;
}

static off_t length(const struct iovec *parts, int count)
{
    off_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += parts[i].iov_len;
    return sum;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define REFUSE_BEYOND(end) \
    if (is_full(fd, end)) { errno = ENOSPC; return -1; }

ssize_t write(int fd, const void *data, size_t count)
{
    REFUSE_BEYOND(lseek(fd, 0, SEEK_CUR) + (off_t)count);
    return REAL(write)(fd, data, count);
}

#define PWRITE(name) \
    ssize_t name(int fd, const void *data, size_t count, off_t at) \
    { \
        REFUSE_BEYOND(at + (off_t)count); \
        return REAL(name)(fd, data, count, at); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(name) \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at) \
    { \
        REFUSE_BEYOND(at + length(parts, count)); \
        return REAL(name)(fd, parts, count, at); \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define FALLOCATE(name) \
    int name(int fd, off_t at, off_t count) \
    { \
        return is_full(fd, at + count) ? ENOSPC : REAL(name)(fd, at, count); \
    }
FALLOCATE(posix_fallocate)
FALLOCATE(posix_fallocate64)
