//! A ring buffer of log lines that writers fill and one reader drains.

const std = @import("std");
const builtin = @import("builtin");
const Allocator = std.mem.Allocator;
const assert = std.debug.assert;

/// Lines that are longer are cut off.
pub const max_line: usize = 512;

var dropped_total: u64 = 0;

/// How bad a line is.
pub const Level = enum(u8) {
    debug,
    info,
    warning,
    failure = 9,

    /// One letter, for people.
    pub fn letter(self: Level) u8 {
        return switch (self) {
            .debug => 'D',
            .info => 'I',
            .warning => 'W',
            .failure => 'F',
        };
    }
};

pub const RingError = error{ Full, Closed };

/// What the reader gets.
pub const Entry = union(enum) {
    line: Line,
    gap: u32,
};

/// One line and when it was written.
pub const Line = struct {
    level: Level,
    time_ns: i128,
    text: []const u8,

    const Self = @This();
    pub const empty = Line{ .level = .debug, .time_ns = 0, .text = "" };

    pub fn format(self: Self, writer: anytype) !void {
        try writer.print("{c} {d} {s}\n", .{ self.level.letter(), self.time_ns, self.text });
    }
};

pub const Clock = *const fn () i128;

/// A queue of a fixed size that forgets the oldest when it is full.
pub fn Ring(comptime T: type, comptime capacity: usize) type {
    return struct {
        items: [capacity]T = undefined,
        head: usize = 0,
        len: usize = 0,

        const Buffer = @This();

        /// Put an item at the end, and return what had to go.
        pub fn push(self: *Buffer, item: T) ?T {
            var lost: ?T = null;
            if (self.len == capacity) {
                lost = self.items[self.head];
                self.head = (self.head + 1) % capacity;
                self.len -= 1;
            }
            self.items[(self.head + self.len) % capacity] = item;
            self.len += 1;
            return lost;
        }

        pub fn pop(self: *Buffer) ?T {
            if (self.len == 0) return null;
            const item = self.items[self.head];
            self.head = (self.head + 1) % capacity;
            self.len -= 1;
            return item;
        }
    };
}

/// Collects lines and hands them out in order.
pub const Journal = struct {
    allocator: Allocator,
    ring: Ring(Line, 64) = .{},
    clock: Clock,
    closed: bool = false,
    missed: u32 = 0,

    pub fn init(allocator: Allocator, clock: Clock) Journal {
        return .{ .allocator = allocator, .clock = clock };
    }

    pub fn deinit(self: *Journal) void {
        while (self.ring.pop()) |line| self.allocator.free(line.text);
        self.closed = true;
    }

    /// Keep a copy of a line; the oldest one goes where there is no room.
    pub fn write(self: *Journal, level: Level, text: []const u8) (RingError || Allocator.Error)!void {
        if (self.closed) return RingError.Closed;
        const kept = text[0..@min(text.len, max_line)];
        const copy = try self.allocator.dupe(u8, kept);
        const line = Line{ .level = level, .time_ns = self.clock(), .text = copy };
        if (self.ring.push(line)) |lost| {
            self.allocator.free(lost.text);
            self.missed += 1;
            dropped_total += 1;
        }
    }

    /// The next line, or how many were lost since the last call.
    pub fn next(self: *Journal) ?Entry {
        if (self.missed > 0) {
            defer self.missed = 0;
            return Entry{ .gap = self.missed };
        }
        return if (self.ring.pop()) |line| Entry{ .line = line } else null;
    }
};

extern "c" fn getpid() c_int;

export fn journal_dropped() callconv(.C) u64 {
    return dropped_total;
}

fn fixedClock() i128 {
    return 42;
}

test "the oldest line goes first" {
    var journal = Journal.init(std.testing.allocator, &fixedClock);
    defer journal.deinit();
    try journal.write(.info, "one");
    try std.testing.expect(journal.next() != null);
}
