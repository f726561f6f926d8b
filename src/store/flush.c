/* What makes commits survive more than kill -9.
 *
 * A commit is a write into the WAL: the page cache keeps it when the process dies. Power loss needs an
 * fsync, which is 50 times as dear, so nobody does it under the lock: callers that need it wait in
 * flush_wait, where one of them syncs for all who came meanwhile; everybody else is content with the
 * thread below, which syncs a second after the first write. The same thread copies the WAL back into
 * the database (by a connection of its own, so that replies do not wait for it), removes blobs nobody
 * names any more, and keeps the reserve: 8 MiB of disk that are given up when it is full, so that a
 * delete can be written down. */
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "store/internal.h"

enum {
    FLUSH_DELAY_MS = 1000,
    RESERVE_RETRY_MS = 2000,
    RESERVE_BYTES = 8 << 20,
    RESERVE_SLACK_BYTES = 8 << 20, /* must stay free besides before it is made again */
    CHECKPOINT_PAGES = 1000,       /* at the next flush */
    CHECKPOINT_SOON_PAGES = 4096,  /* at once */
    CHECKPOINT_MUST_PAGES = 16384, /* with writers held off for the last stretch */
};

static void kick(struct store *s)
{
    if (atomic_exchange(&s->kicked, true))
        return;
    pthread_mutex_lock(&s->flush_lock);
    pthread_cond_signal(&s->flush_wake);
    pthread_mutex_unlock(&s->flush_lock);
}

void flush_note_write(struct store *s, int wal_pages)
{
    atomic_fetch_add(&s->written, 1);
    atomic_store(&s->wal_pages, wal_pages);
    if (wal_pages >= CHECKPOINT_SOON_PAGES)
        kick(s);
    if (atomic_load(&s->dirty) || atomic_exchange(&s->dirty, true))
        return;
    pthread_mutex_lock(&s->flush_lock);
    pthread_cond_signal(&s->flush_wake);
    pthread_mutex_unlock(&s->flush_lock);
}

int flush_wait(struct store *s, struct error *e)
{
    uint64_t mine = atomic_load(&s->written);
    pthread_mutex_lock(&s->sync_lock);
    while (s->synced < mine && !s->sync_broken) {
        if (s->syncing) {
            pthread_cond_wait(&s->sync_done, &s->sync_lock);
            continue;
        }
        s->syncing = true;
        uint64_t all = atomic_load(&s->written);
        pthread_mutex_unlock(&s->sync_lock);
        int failure = fdatasync(s->wal_fd) < 0 ? errno : 0;
        pthread_mutex_lock(&s->sync_lock);
        s->syncing = false;
        if (!failure)
            s->synced = all;
        else
            s->sync_broken = true; /* the kernel may have dropped the pages: see mend */
        pthread_cond_broadcast(&s->sync_done);
    }
    bool good = s->synced >= mine;
    pthread_mutex_unlock(&s->sync_lock);
    if (good)
        return 0;
    kick(s);
    return error_set(
        e, ERROR_INSUFFICIENT_STORAGE, EIO, "The server's disk did not take the data.");
}

static void reserve_make(struct store *s)
{
    struct statvfs v;
    if (fstatvfs(s->dir_fd, &v) < 0 ||
        (uint64_t)v.f_bavail * v.f_frsize < RESERVE_BYTES + RESERVE_SLACK_BYTES)
        return;
    cleanup_fd int fd =
        openat(s->dir_fd, "reserve", O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    if (posix_fallocate(fd, 0, RESERVE_BYTES)) {
        unlinkat(s->dir_fd, "reserve", 0);
        return;
    }
    atomic_store(&s->reserve_missing, false);
}

bool flush_pressure(struct store *s, bool frees)
{
    kick(s);
    if (!frees || unlinkat(s->dir_fd, "reserve", 0) < 0)
        return false;
    atomic_store(&s->reserve_missing, true);
    log_line(LOG_WARN, "store", "disk full, reserve given up", " ");
    return true;
}

static int checkpoint(struct store *s, int mode, int *ret_pages, int *ret_done)
{
    return sqlite3_wal_checkpoint_v2(s->checkpointer, NULL, mode, ret_pages, ret_done);
}

/* A full WAL is reused from its start by the next writer, once every page of it is in the database.
 * Under constant writing a checkpoint is always a few pages behind, so a long WAL gets its last
 * stretch while nobody writes. */
static void copy_back(struct store *s)
{
    int pages = 0, done = 0;
    int rc = checkpoint(s, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
    if (rc == SQLITE_OK && done < pages && pages >= CHECKPOINT_MUST_PAGES) {
        store_lock(s);
        rc = checkpoint(s, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
        store_unlock(s);
    }
    if (rc == SQLITE_OK && done == pages)
        atomic_store(&s->wal_pages, 0);
    else if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        log_line(LOG_WARN, "store", "checkpoint failed", "error=\"%s\"",
            sqlite3_errmsg(s->checkpointer));
}

/* After a failed fsync the kernel may call the WAL's pages clean although they are not on the disk, and
 * another fsync would say yes. What is still readable of them is copied into the database and synced
 * there, and the WAL is begun anew; until that has worked nothing durable is acknowledged. */
static void mend(struct store *s)
{
    store_lock(s);
    int rc = checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    uint64_t all = atomic_load(&s->written);
    store_unlock(s);
    if (rc != SQLITE_OK) {
        log_line(LOG_ERROR, "store", "disk fails", "error=\"%s\"", sqlite3_errmsg(s->checkpointer));
        return;
    }
    pthread_mutex_lock(&s->sync_lock);
    s->sync_broken = false;
    s->synced = all;
    pthread_mutex_unlock(&s->sync_lock);
}

static bool is_broken(struct store *s)
{
    pthread_mutex_lock(&s->sync_lock);
    bool broken = s->sync_broken;
    pthread_mutex_unlock(&s->sync_lock);
    return broken;
}

static void tick(struct store *s, bool pressed)
{
    if (atomic_exchange(&s->dirty, false)) {
        struct error e;
        blob_flush(s);
        if (flush_wait(s, &e))
            log_line(LOG_ERROR, "store", "flush failed", "error=\"%s\"", e.message);
    }
    if (is_broken(s))
        mend(s);
    if (atomic_exchange(&s->garbage, false))
        blob_collect(s); /* after the flush: a row must not outlive its blob in a power failure */
    if (pressed || atomic_load(&s->wal_pages) >= CHECKPOINT_PAGES)
        copy_back(s);
    if (atomic_load(&s->reserve_missing))
        reserve_make(s);
}

static struct timespec after_ms(int ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += ms % 1000 * 1000000L;
    t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* Sleeps until there is something to do: nothing at all wakes an idle server. */
static void wait_for_work(struct store *s)
{
    while (!s->stopping && !s->kicked && !s->dirty && !s->reserve_missing)
        pthread_cond_wait(&s->flush_wake, &s->flush_lock);
    struct timespec until = after_ms(s->dirty ? FLUSH_DELAY_MS : RESERVE_RETRY_MS);
    while (!s->stopping && !s->kicked)
        if (pthread_cond_timedwait(&s->flush_wake, &s->flush_lock, &until) == ETIMEDOUT)
            break;
}

static void *flusher(void *context)
{
    struct store *s = context;
    pthread_mutex_lock(&s->flush_lock);
    while (!s->stopping) {
        wait_for_work(s);
        bool pressed = atomic_exchange(&s->kicked, false);
        pthread_mutex_unlock(&s->flush_lock);
        tick(s, pressed);
        pthread_mutex_lock(&s->flush_lock);
    }
    pthread_mutex_unlock(&s->flush_lock);
    return NULL;
}

int flush_start(struct store *s, struct error *e)
{
    int r = sqlite_connect(s, &s->checkpointer, e);
    if (r)
        return r;
    sqlite3_db_release_memory(s->checkpointer); /* it copies pages past its cache */
    atomic_store(&s->reserve_missing, true);
    reserve_make(s);
    int failure = pthread_create(&s->flusher, NULL, flusher, s);
    if (failure)
        return error_set(e, ERROR_INTERNAL, failure, "The store's thread cannot be started: %s.",
            strerror(failure));
    s->flusher_runs = true;
    return 0;
}

void flush_stop(struct store *s)
{
    if (s->flusher_runs) {
        pthread_mutex_lock(&s->flush_lock);
        s->stopping = true;
        pthread_cond_signal(&s->flush_wake);
        pthread_mutex_unlock(&s->flush_lock);
        pthread_join(s->flusher, NULL);
        s->flusher_runs = false;
    }
    sqlite3_close(s->checkpointer);
    s->checkpointer = NULL;
}
