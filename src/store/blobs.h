/* blobs.h - bytes named by their SHA-256, in a directory given as a descriptor.
 *
 * Who refers to a blob is the store's business (blob_refs.c), not known here; another place for bytes
 * (an object store) would stand behind these functions. Layout: tmp/<random> while being written,
 * <first two digits>/<sha256> afterwards; a file under its final name is whole. Used by src/store
 * only. All functions are safe from several threads; one thread at a time uses one upload. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#include "base/error.h"
#include "store/store.h"

struct blobs;
struct upload;

/* Below `dir_fd` (borrowed), in "blobs/", which is created. */
int blobs_open(int dir_fd, struct blobs **ret_blobs, struct error *e);
struct blobs *blobs_close(struct blobs *b);

int upload_begin(struct blobs *b, struct upload **ret_upload, struct error *e);
int upload_append(struct upload *u, const void *data, size_t n, struct error *e);
/* Fixes hash and length. With `durable` the bytes are on the disk when it returns, yet under their
 * temporary name; upload_place gives them their own. */
int upload_seal(struct upload *u, bool durable, struct error *e);
const char *upload_sha256(const struct upload *u); /* once sealed */
int64_t upload_bytes(const struct upload *u);
/* Gives the final name, without waiting for the disk. 1: the same content was there already, and was
 * left (only without `durable`). The caller keeps removals of the same blob away meanwhile. */
int upload_place(struct upload *u, struct error *e);
/* Makes the final name survive power loss. */
int upload_settle(struct upload *u, struct error *e);
/* Removes what was not placed. NULL is allowed. Returns NULL. */
struct upload *upload_free(struct upload *u);

/* A read-only descriptor, or negative errno (-ENOENT). */
int blobs_open_blob(struct blobs *b, const char *sha256);
/* 0 also when it was not there. */
int blobs_remove(struct blobs *b, const char *sha256);
/* Makes one blob survive power loss, after the fact. */
int blobs_sync_blob(struct blobs *b, const char *sha256);
/* Removes temporary files, and blobs for which `keep` answers false. A failing `keep` answers true. */
int blobs_sweep(struct blobs *b, bool (*keep)(void *context, const char *sha256), void *context);
