/*
 * A ring of bytes shared by one writer and one reader, and frames of text on top of it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

#define RING_MIN 64
#define RING_MASK(ring) ((ring)->capacity - 1)
#define FRAME_HEADER                                                           \
    (sizeof(uint16_t) + 1)

#ifdef RING_STATISTICS
static unsigned long bytes_written;
#endif

/* What went wrong. */
enum ring_error {
    RING_OK = 0,
    RING_FULL = -1, /* try again later */
    RING_CORRUPT = -2,
};

typedef enum { FRAME_TEXT, FRAME_BINARY } frame_kind;

/** Called for each frame; returns false to stop. */
typedef bool (*frame_handler)(const char *text, size_t length, void *context);

typedef unsigned char byte_t;

struct ring {
    byte_t *data;
    size_t capacity; /* a power of two */
    size_t head, tail;
    frame_handler on_frame;
    void *context;
    struct {
        uint32_t lost;
    } counters;
};

/* Position of a reader, so that it can go back. */
typedef struct ring_mark {
    size_t tail;
} ring_mark_t, *ring_mark_ptr;

union header {
    uint16_t length;
    byte_t bytes[2];
};

struct operations {
    int (*push)(struct ring *ring, const void *data, size_t length);
    size_t (*used)(const struct ring *ring);
};

extern int ring_verbose;
int ring_drain(struct ring *ring);
static size_t free_bytes(const struct ring *ring);

static const char *const error_texts[] = {"ok", "full", "corrupt"};
static const size_t largest_frame = UINT16_MAX;

/* Rounds up to a power of two. */
static size_t round_up(size_t wanted)
{
    size_t size = RING_MIN;
    while (size < wanted)
        size *= 2;
    return size;
}

/**
 * Makes a ring that holds at least `wanted` bytes.
 * Returns NULL where there is no memory.
 */
struct ring *ring_new(size_t wanted, frame_handler on_frame, void *context)
{
    struct ring *ring = calloc(1, sizeof *ring);
    if (ring == NULL)
        return NULL;
    ring->capacity = round_up(wanted);
    ring->data = malloc(ring->capacity);
    if (ring->data == NULL) {
        free(ring);
        return NULL;
    }
    ring->on_frame = on_frame;
    ring->context = context;
    return ring;
}

static size_t free_bytes(const struct ring *ring)
{
    return ring->capacity - (ring->head - ring->tail);
}

static size_t used_bytes(const struct ring *ring)
{
    return ring->head - ring->tail;
}

static void copy_in(struct ring *ring, const byte_t *from, size_t length)
{
    size_t at = ring->head & RING_MASK(ring);
    size_t first = ring->capacity - at < length ? ring->capacity - at : length;
    memcpy(ring->data + at, from, first);
    memcpy(ring->data, from + first, length - first);
    ring->head += length;
}

/* Writes one frame, or nothing at all. */
int ring_push(struct ring *ring, const void *data, size_t length)
{
    union header header = {.length = (uint16_t)length};
    if (length > largest_frame || free_bytes(ring) < length + FRAME_HEADER) {
        ring->counters.lost++;
        return RING_FULL;
    }
    copy_in(ring, header.bytes, sizeof header.bytes);
    copy_in(ring, &(byte_t){FRAME_TEXT}, 1);
    copy_in(ring, data, length);
#ifdef RING_STATISTICS
    bytes_written += length;
#endif
    return RING_OK;
}

/*
 * Hands every whole frame to the handler. A frame that wraps around the end of the ring is put
 * together first; what is left of a broken one is dropped.
 */
int ring_drain(struct ring *ring)
{
    int frames = 0;
    while (used_bytes(ring) >= FRAME_HEADER) {
        ring_mark_t mark = {ring->tail};
        union header header;
        header.bytes[0] = ring->data[ring->tail++ & RING_MASK(ring)];
        header.bytes[1] = ring->data[ring->tail++ & RING_MASK(ring)];
        frame_kind kind = (frame_kind)ring->data[ring->tail++ & RING_MASK(ring)];
        if (kind != FRAME_TEXT && kind != FRAME_BINARY) {
            ring->tail = ring->head;
            return RING_CORRUPT;
        }
        if (used_bytes(ring) < header.length) {
            /* The writer is not done yet: come back to this frame later. */
            ring->tail = mark.tail;
            break;
        }
        size_t at = ring->tail & RING_MASK(ring);
        bool wraps = at + header.length > ring->capacity;
        byte_t *text = ring->data + at;
        if (wraps) {
            size_t first = ring->capacity - at;
            text = malloc(header.length);
            if (text == NULL) {
                ring->tail = mark.tail;
                break;
            }
            memcpy(text, ring->data + at, first);
            memcpy(text + first, ring->data, header.length - first);
        }
        bool more = ring->on_frame((const char *)text, header.length, ring->context);
        ring->tail += header.length;
        frames++;
        if (wraps)
            free(text);
        if (!more)
            break;
    }
    return frames;
}

const struct operations ring_operations = {
    .push = ring_push,
    .used = used_bytes,
};

const char *ring_error_text(enum ring_error error)
{
    return error_texts[-error];
}
