public import FedifyKv

/// What every ``KvStore`` promises, as one check that an author of a store runs from a test:
///
/// ```swift
/// @Test func keepsTheContract() async throws {
///     try await KvStoreContract(of: MyStore()).check()
/// }
/// ```
///
/// The store may hold other entries: the check works below a prefix of its own, and deletes what it made.
public struct KvStoreContract: Sendable {
    let store: any KvStore
    let longestKey: Int?
    let pass: @Sendable (Duration) async throws -> Void
    /// Below this are the keys of this check.
    let root = "contract-\(UInt64.random(in: 0...UInt64.max))"

    /// A check of a store.
    ///
    /// - Parameters:
    ///   - store: The store.
    ///   - longestKey: The Unicode scalars of serialized text that a key may have; nil, if there is no limit.
    ///   - pass: Lets this much time pass by the store's clock, for entries to expire: a test that moves the clock says
    ///     how. By default it waits.
    public init(
        of store: any KvStore,
        longestKey: Int? = nil,
        pass: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.store = store
        self.longestKey = longestKey
        self.pass = pass
    }

    /// Checks every promise.
    ///
    /// - Throws: ``ContractViolation``, which names all that were broken.
    public func check() async throws {
        let groups: [(Promises) async throws -> Void] = [
            checkValues, checkKeys, checkTimeToLive, checkCompareAndSwap, checkRaces, checkListing, checkTyped,
        ]
        let promises = Promises()
        for group in groups {
            do {
                try await group(promises)
            } catch {
                promises.broken.append("no operation of this contract throws here: \(promises.last) threw \(error)")
            }
        }
        do {
            for try await entry in store.list(prefix: [root]) { try await store.delete(entry.key) }
        } catch {
            promises.broken.append("what was listed can be deleted: threw \(error)")
        }
        if !promises.broken.isEmpty { throw ContractViolation(promises: promises.broken) }
    }

    /// A key of this check.
    func key(_ components: String...) -> KvKey {
        KvKey([root] + components)
    }
}

/// What was checked, and what of it was broken.
final class Promises {
    var broken: [String] = []
    /// The promise that was looked at last.
    var last = "the first operation"

    /// A promise that two things are equal.
    func expect<T: Equatable>(_ promise: String, _ seen: T, _ expected: T) {
        last = promise
        if seen != expected { broken.append("\(promise): expected \(expected), saw \(seen)") }
    }

    /// A promise that an operation is refused.
    func refuses(_ promise: String, _ code: KvError.Code, _ operation: () async throws -> Void) async {
        last = promise
        do {
            try await operation()
            broken.append("\(promise): expected the error \(code), saw none")
        } catch let error as KvError {
            if error.code != code { broken.append("\(promise): expected the error \(code), saw \(error)") }
        } catch {
            broken.append("\(promise): expected a KvError \(code), saw \(error)")
        }
    }
}
