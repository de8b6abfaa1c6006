import FedifyKv
import NIOConcurrencyHelpers

/// The operations of clients on a few keys and their answers, with the times of call and answer.
final class History: Sendable {
    /// An operation on one key; the values are numbers, nil is no entry.
    struct Operation: Sendable {
        enum Kind: Sendable, Equatable {
            case read(Int?)
            case write(Int?)
            /// The answer is nil if it is unknown.
            case swap(expected: Int?, new: Int?, answer: Bool?)
        }

        var kind: Kind
        let called: ContinuousClock.Instant
        /// nil: it failed in a way that leaves open whether, and when, it takes effect.
        var returned: ContinuousClock.Instant?
        /// The store may have sent it again: it can have taken effect twice.
        var mayBeRepeated = false
    }

    /// The prefix of its keys.
    static let prefix = "shared"

    private struct State {
        var operations: [KvKey: [Operation]] = [:]
        var errors: [KvError.Code: Int] = [:]
        /// Grows when a fault begins, and when it ends: odd while it lasts.
        var faults = 0
    }

    private let state = NIOLockedValueBox(State())

    /// All operations, by key.
    var operations: [KvKey: [Operation]] { state.withLockedValue(\.operations) }

    var count: Int { state.withLockedValue { $0.operations.values.map(\.count).reduce(0, +) } }

    var errors: [KvError.Code: Int] { state.withLockedValue(\.errors) }

    /// A fault begins or ends.
    func markFault() { state.withLockedValue { $0.faults += 1 } }

    /// Carries an operation out, and records it.
    ///
    /// - Returns: The value that a read found; otherwise nil.
    @discardableResult
    func carryOut(_ kind: Operation.Kind, _ key: KvKey, _ store: any KvStore) async throws -> Int? {
        let faults = state.withLockedValue(\.faults)
        var operation = Operation(kind: kind, called: .now)
        var found: Int?
        do {
            switch kind {
            case .read:
                found = try await store.get(key).map(Self.number)
                operation.kind = .read(found)
            case .write(let value?): try await store.set(key, Self.value(value))
            case .write(nil): try await store.delete(key)
            case .swap(let expected, let new, _):
                let answer = try await store.cas(key, expected: expected.map(Self.value), new: new.map(Self.value))
                operation.kind = .swap(expected: expected, new: new, answer: answer)
            }
            operation.returned = .now
        } catch let error as KvError {
            state.withLockedValue { $0.errors[error.code, default: 0] += 1 }
            switch kind {
            case .read: return nil
            // Any other error of a swap says that it was not carried out.
            case .swap where error.code != .outcomeUnknown: return nil
            case .write, .swap: break
            }
        }
        state.withLockedValue { [operation] state in
            var operation = operation
            if case .write = kind { operation.mayBeRepeated = !faults.isMultiple(of: 2) || state.faults != faults }
            state.operations[key, default: []].append(operation)
        }
        return found
    }

    private static func value(_ number: Int) -> JSONValue { JSONValue(uncheckedJSON: "\(number)") }

    private static func number(_ value: JSONValue) throws -> Int { try value.decode(as: Int.self) }
}
