import Foundation
import struct Dispatch.DispatchTime

/// Something that can be undone.
public protocol Edit: AnyObject {
    associatedtype Target
    var name: String { get }

    /// Changes the target, and tells what undoes it.
    func apply(to target: inout Target) throws -> Self
    static func blank() -> Self
}

/// Why an edit was refused.
public enum EditError: Error, Equatable {
    case outOfRange(Int)
    case empty, locked // nothing was changed

    static let retryable: Set<String> = ["locked"]

    var isFatal: Bool { self != .locked }
}

public typealias Observer<T> = (T) -> Void

let defaultLimit = 100
private var historiesAlive = 0

@propertyWrapper
struct Clamped {
    private var value: Int
    let range: ClosedRange<Int>

    var wrappedValue: Int {
        get { value }
        set { value = min(max(newValue, range.lowerBound), range.upperBound) }
    }

    init(wrappedValue: Int, _ range: ClosedRange<Int>) {
        self.range = range
        value = min(max(wrappedValue, range.lowerBound), range.upperBound)
    }
}

/**
 A text that remembers its changes.

 - Note: not safe for use by several threads.
 */
public final class History<Buffer: RangeReplaceableCollection>: CustomStringConvertible where Buffer.Element: Hashable {
    public struct Step: Hashable {
        let offset: Int
        var removed: [Buffer.Element]
        var inserted: [Buffer.Element] = []
    }

    enum Direction { case undo, redo }

    static var shared: [String: Int] { [:] }

    public private(set) var buffer: Buffer
    @Clamped(1...1000) var limit = defaultLimit
    private lazy var observers: [Observer<Step>] = []
    private var past: [Step] = [], future: [Step] = []
    weak var delegate: AnyObject?

    /// Starts with a text that cannot be undone.
    public init(_ buffer: Buffer) {
        self.buffer = buffer
        historiesAlive += 1
    }

    convenience init?(lines: [Buffer]) {
        guard let first = lines.first else { return nil }
        self.init(first)
    }

    deinit { historiesAlive -= 1 }

    public var description: String { "history of \(past.count) steps" }

    subscript(step index: Int) -> Step? {
        past.indices.contains(index) ? past[index] : nil
    }

    static func == (a: History, b: History) -> Bool { a === b }

    /// Replaces part of the text. Steps that touch each other within a moment become one.
    @discardableResult
    public func replace(_ range: Range<Int>, with inserted: [Buffer.Element], merging: Bool = true) throws -> Step {
        guard range.lowerBound >= 0, range.upperBound <= buffer.count else {
            throw EditError.outOfRange(range.upperBound)
        }
        guard !(range.isEmpty && inserted.isEmpty) else { throw EditError.empty }
        let start = buffer.index(buffer.startIndex, offsetBy: range.lowerBound)
        let end = buffer.index(start, offsetBy: range.count)
        var step = Step(offset: range.lowerBound, removed: Array(buffer[start..<end]), inserted: inserted)
        buffer.replaceSubrange(start..<end, with: inserted)
        // Typing comes letter by letter: a step that begins where the last one ended continues it.
        if merging, let last = past.last, step.removed.isEmpty,
            last.offset + last.inserted.count == step.offset
        {
            past.removeLast()
            step = Step(offset: last.offset, removed: last.removed, inserted: last.inserted + inserted)
        }
        past.append(step)
        future.removeAll()
        if past.count > limit {
            past.removeFirst(past.count - limit)
        }
        for observer in observers {
            observer(step)
        }
        if let delegate, delegate === self {
            assertionFailure("a history cannot be its own delegate")
        }
        return step
    }

    func move(_ direction: Direction) -> Bool {
        func swapped(_ step: Step) -> Step {
            Step(offset: step.offset, removed: step.inserted, inserted: step.removed)
        }
        guard let step = direction == .undo ? past.popLast() : future.popLast() else { return false }
        let start = buffer.index(buffer.startIndex, offsetBy: step.offset)
        let gone = direction == .undo ? step.inserted : step.removed
        buffer.replaceSubrange(start..<buffer.index(start, offsetBy: gone.count), with: swapped(step).inserted)
        return true
    }
}

extension History: Equatable where Buffer == String {
    /// The lines of the text.
    var lines: [Substring] { buffer.split(separator: "\n") }

    func observe(_ observer: @escaping Observer<Step>) async {
        await Task.yield()
        observers.append(observer)
    }
}

actor Journal {
    private var entries: [(DispatchTime, String)] = []

    func note(_ text: String) { entries.append((.now(), text)) }
}

infix operator <~: AssignmentPrecedence

func <~ (history: History<String>, text: String) {
    _ = try? history.replace(0..<history.buffer.count, with: Array(text))
}
