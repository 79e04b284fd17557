//  Measures how long screens take to appear, and reports the slow ones.

#import <Foundation/Foundation.h>
#import "TRKSink.h"
@import UIKit;

#define TRK_LIMIT 0.25

NS_ASSUME_NONNULL_BEGIN

@class TRKSpan;

/// How much is reported.
typedef NS_ENUM(NSInteger, TRKLevel) {
    TRKLevelOff,
    TRKLevelSlow, // those above the limit
    TRKLevelAll,
};

typedef void (^TRKReport)(TRKSpan *span);

static NSString *const TRKErrorDomain = @"tracker";
static NSUInteger trackersAlive = 0;

/// Keeps finished spans.
@protocol TRKStorage <NSObject>

- (BOOL)storeSpan:(TRKSpan *)span error:(NSError **)error;

@optional
@property (nonatomic, readonly) NSUInteger capacity;
- (void)clear;

@end

/// One measured stretch of time.
@interface TRKSpan : NSObject <NSCopying> {
    NSTimeInterval _started;
}

@property (nonatomic, copy, readonly) NSString *name;
@property (nonatomic) NSTimeInterval elapsed; // seconds
@property (nonatomic, weak, nullable) TRKSpan *parent;

+ (instancetype)spanNamed:(NSString *)name;
- (instancetype)initWithName:(NSString *)name parent:(nullable TRKSpan *)parent;
- (void)finish;

@end

/// Starts and ends spans. Use it on the main thread only.
@interface TRKTracker : NSObject

@property (nonatomic) TRKLevel level;
@property (nonatomic, copy, nullable) TRKReport report;

- (TRKSpan *)beginSpanNamed:(NSString *)name;
- (BOOL)endSpan:(TRKSpan *)span storage:(id<TRKStorage>)storage error:(NSError **)error;

@end

@implementation TRKSpan

+ (instancetype)spanNamed:(NSString *)name {
    return [[self alloc] initWithName:name parent:nil];
}

- (instancetype)initWithName:(NSString *)name parent:(nullable TRKSpan *)parent {
    if ((self = [super init])) {
        _name = [name copy];
        _parent = parent;
        _started = NSDate.timeIntervalSinceReferenceDate;
    }
    return self;
}

- (void)finish {
    self.elapsed = NSDate.timeIntervalSinceReferenceDate - _started;
}

- (id)copyWithZone:(nullable NSZone *)zone {
    TRKSpan *copy = [[TRKSpan allocWithZone:zone] initWithName:self.name parent:self.parent];
    copy.elapsed = self.elapsed;
    return copy;
}

@end

/* Formats seconds as milliseconds. */
static NSString *TRKFormat(NSTimeInterval seconds) {
    return [NSString stringWithFormat:@"%.1f ms", seconds * 1000];
}

@interface TRKTracker ()
@property (nonatomic, strong) NSMutableArray<TRKSpan *> *open;
@end

@implementation TRKTracker

- (instancetype)init {
    if ((self = [super init])) {
        _open = [NSMutableArray array];
        _level = TRKLevelSlow;
        trackersAlive += 1;
    }
    return self;
}

- (void)dealloc {
    trackersAlive -= 1;
}

- (TRKSpan *)beginSpanNamed:(NSString *)name {
    TRKSpan *span = [[TRKSpan alloc] initWithName:name parent:self.open.lastObject];
    [self.open addObject:span];
    return span;
}

// Ends a span together with those that were begun inside it and never ended. Spans that took longer
// than the limit are reported, then stored.
- (BOOL)endSpan:(TRKSpan *)span storage:(id<TRKStorage>)storage error:(NSError **)error {
    NSUInteger index = [self.open indexOfObjectIdenticalTo:span];
    if (index == NSNotFound) {
        if (error != NULL) {
            NSDictionary *info = @{NSLocalizedDescriptionKey : [NSString stringWithFormat:@"%@ is not open", span.name]};
            *error = [NSError errorWithDomain:TRKErrorDomain code:1 userInfo:info];
        }
        return NO;
    }
    NSArray<TRKSpan *> *ended = [self.open subarrayWithRange:NSMakeRange(index, self.open.count - index)];
    [self.open removeObjectsInRange:NSMakeRange(index, self.open.count - index)];
    for (TRKSpan *inner in ended.reverseObjectEnumerator) {
        [inner finish];
        BOOL slow = inner.elapsed > TRK_LIMIT;
        if (self.level == TRKLevelAll || (self.level == TRKLevelSlow && slow)) {
            NSLog(@"%@ took %@", inner.name, TRKFormat(inner.elapsed));
            if (self.report != nil) {
                self.report(inner);
            }
        }
        if ([storage respondsToSelector:@selector(capacity)] && storage.capacity == 0) {
            // A full storage is emptied rather than losing what comes.
            if ([storage respondsToSelector:@selector(clear)]) {
                [storage clear];
            }
        }
        if (![storage storeSpan:inner error:error]) {
            return NO;
        }
    }
    return YES;
}

@end

@implementation NSString (TRKNaming)

/// The name without what stands in brackets.
- (NSString *)trk_shortName {
    return [self componentsSeparatedByString:@"["].firstObject;
}

@end

NS_ASSUME_NONNULL_END
