/* replay.c - runs one fuzz harness over every file of its corpus, as an ordinary test.
 *
 * Takes directories and files; prints TAP. A harness that finds something wrong aborts, and the
 * missing end of the plan then fails the test. An empty corpus is a failure too. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { INPUT_MAX = 16 << 20, PATH_SIZE = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replayed;

/* Hands one file's bytes, in a block of exactly their size so that sanitizers see an overrun. */
static int replay_file(const char *path)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > INPUT_MAX) {
        fprintf(stderr, "replay: cannot use %s\n", path);
        return -1;
    }
    size_t size = st.st_size;
    cleanup_free uint8_t *data = malloc(size ? size : 1);
    if (!data || fd_read_all(fd, data, size) < 0) {
        fprintf(stderr, "replay: cannot read %s\n", path);
        return -1;
    }
    LLVMFuzzerTestOneInput(data, size);
    const char *name = strrchr(path, '/');
    printf("ok %d - %s\n", ++replayed, name ? name + 1 : path);
    fflush(stdout);
    return 0;
}

static int replay_directory(const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort), r = n < 0 ? -1 : 0;
    if (n < 0)
        perror(path);
    for (int i = 0; i < n; i++) {
        char file[PATH_SIZE];
        if (entries[i]->d_name[0] != '.' &&
            snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name) < PATH_SIZE)
            r |= replay_file(file);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return r;
}

int main(int argc, char **argv)
{
    int r = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
            r |= replay_directory(argv[i]);
        else
            r |= replay_file(argv[i]);
    }
    printf("1..%d\n", replayed);
    return r || !replayed;
}
