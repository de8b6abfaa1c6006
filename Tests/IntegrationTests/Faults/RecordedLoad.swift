import FedifyKv
import Foundation
import NIOConcurrencyHelpers
import Testing

/// Callers that write through several stores, each to keys of its own, and their answers, which are compared with the
/// table in the end.
final class RecordedLoad: Sendable {
    /// The possible values of a key, by its writer's answers; nil: no entry.
    private typealias Possible = Set<Int?>

    /// The callers' results.
    struct Summary: Sendable {
        var operations = 0
        var errors: [KvError.Code: Int] = [:]
        /// The first error of each kind.
        var messages: [KvError.Code: String] = [:]
        var longest = Duration.zero
        /// Answers that what was written before excludes: a lost write, a swap done twice or answered wrongly.
        var wrong: [String] = []
        /// Since the fault ended, until the slowest store had set something.
        var recovery: Duration?
        /// Sets that were answered: what a server that works again must take.
        var sets = 0

        /// Recovery times of several faults are the longest of them.
        static func + (one: Summary, other: Summary) -> Summary {
            Summary(
                operations: one.operations + other.operations,
                errors: one.errors.merging(other.errors, uniquingKeysWith: +),
                messages: one.messages.merging(other.messages) { first, _ in first },
                longest: max(one.longest, other.longest), wrong: one.wrong + other.wrong,
                recovery: [one.recovery, other.recovery].compactMap(\.self).max(),
                sets: one.sets + other.sets)
        }
    }

    private struct State {
        var summary = Summary()
        var possible: [KvKey: Possible] = [:]
        var isStopped = false
        var isPaused = false
        var faultEnded: ContinuousClock.Instant?
        /// The stores that have set something since.
        var recovered: Set<Int> = []
    }

    /// How many keys a caller writes to in turn.
    private static let slots = 64

    private let stores: [any KvStore]
    private let callers: Int
    /// Makes values longer.
    private let padding: String
    private let state = NIOLockedValueBox(State())

    init(_ stores: [any KvStore], callers: Int, padding: Int = 100) {
        self.stores = stores
        self.callers = callers
        self.padding = String(repeating: "x", count: padding)
    }

    /// Runs the callers until the body is done.
    func run(_ body: () async throws -> Void) async throws -> Summary {
        try await withThrowingTaskGroup { group in
            for caller in 0..<callers {
                group.addTask { try await self.call(caller) }
            }
            let result = await Result { try await body() }
            state.withLockedValue { $0.isStopped = true }
            try result.get()
            try await group.waitForAll()
        }
        return summary
    }

    var summary: Summary { state.withLockedValue(\.summary) }

    // MARK: - What a fault waits for

    /// Waits until each store has connected: before that, one that can't is an error at once.
    func begun() async throws {
        faultEnded()
        try await recovered()
        state.withLockedValue { $0.summary.recovery = nil }
    }

    /// Waits until so many more sets were answered.
    func progress(_ count: Int = 100) async throws {
        let before = summary.sets
        try await eventually(within: .seconds(60)) { summary.sets > before + count }
    }

    /// Waits until so many more operations have failed in one of these ways.
    func errors(_ count: Int, _ codes: Set<KvError.Code>) async throws {
        let before = errorCount(codes)
        try await eventually(within: .seconds(60)) { errorCount(codes) >= before + count }
    }

    /// How many operations have failed in one of these ways.
    func errorCount(_ codes: Set<KvError.Code>) -> Int {
        summary.errors.filter { codes.contains($0.key) }.values.reduce(0, +)
    }

    /// The fault is over: waits until each store has set something.
    func recover() async throws {
        faultEnded()
        try await recovered()
    }

    /// The fault is over from now on.
    func faultEnded() {
        state.withLockedValue { state in
            state.faultEnded = .now
            state.recovered = []
        }
    }

    /// Waits until each store has set something since the end of the fault.
    func recovered() async throws {
        try await eventually(within: .seconds(60)) { state.withLockedValue { $0.faultEnded == nil } }
    }

    /// Lets the callers rest between two operations.
    func pause() { state.withLockedValue { $0.isPaused = true } }

    func resume() { state.withLockedValue { $0.isPaused = false } }

    // MARK: - Callers

    private func call(_ caller: Int) async throws {
        let number = caller % stores.count
        let store = stores[number]
        var keys = (0..<Self.slots).map { slot in KvKey(["\(caller)", "\(slot)", "0"]) }
        var round = 0
        while !state.withLockedValue(\.isStopped) {
            if state.withLockedValue(\.isPaused) {
                try await Task.sleep(for: .milliseconds(5))
                continue
            }
            round += 1
            let slot = round % Self.slots
            let key = keys[slot]
            let before = state.withLockedValue { $0.possible[key] } ?? [nil]
            let begun = ContinuousClock.now
            do {
                let after = try await operate(round, store, key, before)
                answered(number, begun, key, after, isSet: operation(round) == .set)
            } catch let error as KvError {
                failed(begun, error)
                // An unknown outcome may still be decided later: an abandoned statement can be carried
                // out later. The key is left alone.
                guard let after = possible(after: error, round, before) else { continue }
                state.withLockedValue { $0.possible[key] = after }
                keys[slot] = ["\(caller)", "\(slot)", "\(round)"]
            }
        }
    }

    private enum Operation { case set, get, delete, swap }

    private func operation(_ round: Int) -> Operation {
        // The slots change places with the operations: each slot meets each of them.
        switch (round + round / Self.slots) % 8 {
        case 0: .delete
        case 1: .get
        case 2, 3: .swap
        default: .set
        }
    }

    /// Carries out one operation.
    ///
    /// - Returns: The key's present value.
    private func operate(
        _ round: Int, _ store: any KvStore, _ key: KvKey, _ before: Possible
    ) async throws -> Possible {
        switch operation(round) {
        case .set:
            try await store.set(key, value(round))
            return [round]
        case .get:
            let found = try await store.get(key).map(Self.number)
            if !before.contains(found) { wrong("get answered \(found as Any), possible are \(before)") }
            return before
        case .delete:
            try await store.delete(key)
            return [nil]
        case .swap:
            // Its key has one writer, which knows its value.
            let present = before.first.flatMap(\.self)
            let swapped = try await store.cas(key, expected: present.map(value), new: value(round))
            if !swapped { wrong("cas answered false over the value that its writer had written") }
            return [round]
        }
    }

    /// The possible value of a key after an error; nil: certainly the one before.
    private func possible(after error: KvError, _ round: Int, _ before: Possible) -> Possible? {
        switch operation(round) {
        case .get: nil
        case .set: before.union([round])
        case .delete: before.union([nil])
        case .swap: error.code == .outcomeUnknown ? before.union([round]) : nil
        }
    }

    private func value(_ number: Int) -> JSONValue {
        JSONValue(uncheckedJSON: "{\"n\":\(number),\"padding\":\"\(padding)\"}")
    }

    private static func number(_ value: JSONValue) throws -> Int {
        struct Written: Decodable { let n: Int }
        return try value.decode(as: Written.self).n
    }

    // MARK: - Answers

    private func answered(
        _ store: Int, _ begun: ContinuousClock.Instant, _ key: KvKey, _ after: Possible, isSet: Bool
    ) {
        let now = ContinuousClock.now
        state.withLockedValue { state in
            state.possible[key] = after
            state.summary.operations += 1
            state.summary.longest = max(state.summary.longest, begun.duration(to: now))
            guard isSet else { return }
            state.summary.sets += 1
            guard let ended = state.faultEnded else { return }
            state.recovered.insert(store)
            if state.recovered.count == min(stores.count, callers) {
                state.summary.recovery = max(state.summary.recovery ?? .zero, ended.duration(to: now))
                state.faultEnded = nil
            }
        }
    }

    private func failed(_ begun: ContinuousClock.Instant, _ error: KvError) {
        state.withLockedValue { state in
            state.summary.operations += 1
            state.summary.errors[error.code, default: 0] += 1
            if state.summary.messages[error.code] == nil { state.summary.messages[error.code] = error.message }
            state.summary.longest = max(state.summary.longest, begun.duration(to: .now))
        }
    }

    private func wrong(_ what: String) {
        state.withLockedValue { state in
            state.summary.wrong.append(what)
        }
    }

    /// Compares the table with the callers' answers.
    ///
    /// - Returns: Missing entries, and entries that were neither confirmed nor attempted.
    func lost(in store: any KvStore) async throws -> [String] {
        var found: [KvKey: Int] = [:]
        // A history may be under way beside it, on keys of its own; rows that only fill the table are ignored.
        let others = [History.prefix, FaultScene.filler]
        for try await entry in store.list() where !others.contains(entry.key.components()[0]) {
            found[entry.key] = try Self.number(entry.value)
        }
        return state.withLockedValue { state in
            let lost = state.possible.filter { !$0.value.contains(found[$0.key]) }.map {
                "\($0.key): possible are \($0.value), the table has \(found[$0.key] as Any)"
            }
            return lost + found.keys.filter { state.possible[$0] == nil }.map { "\($0) was never written" }
        }
    }
}
