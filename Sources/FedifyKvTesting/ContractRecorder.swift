import FedifyKv

/// The checked promises, and the broken ones.
final class ContractRecorder {
    private(set) var broken: [String] = []
    /// The promise that was looked at last.
    private var last = "the beginning"

    /// A promise that an operation succeeds, with this result.
    func expect<T: Equatable>(
        _ promise: String, _ operation: @autoclosure () async throws -> T, _ expected: T
    ) async {
        last = promise
        do {
            let seen = try await operation()
            if seen != expected { broke(promise, expected: expected, saw: seen) }
        } catch {
            broke(promise, expected: expected, saw: "the error \(error)")
        }
    }

    /// A promise that an operation succeeds.
    func succeeds(_ promise: String, _ operation: () async throws -> Void) async {
        last = promise
        do {
            try await operation()
        } catch {
            broke(promise, expected: "no error", saw: error)
        }
    }

    /// A promise that an operation is refused.
    func refuses(_ promise: String, _ code: KvError.Code, _ operation: () async throws -> Void) async {
        last = promise
        do {
            try await operation()
            broke(promise, expected: "the error \(code)", saw: "none")
        } catch let error as KvError {
            if error.code != code { broke(promise, expected: "the error \(code)", saw: error) }
        } catch {
            broke(promise, expected: "a KvError \(code)", saw: error)
        }
    }

    /// A promise that an operation throws what its closure threw.
    func throwsThrown(_ promise: String, _ operation: () async throws -> Void) async {
        last = promise
        do {
            try await operation()
            broke(promise, expected: "the closure's error", saw: "none")
        } catch is KvStoreContract.Thrown {
        } catch {
            broke(promise, expected: "the closure's error", saw: error)
        }
    }

    /// A group of promises; what follows an error within it can't be checked.
    func group(_ name: String, _ check: (ContractRecorder) async throws -> Void) async {
        do {
            try await check(self)
        } catch {
            broken.append("no operation fails here: the check of \(name) ended, after \"\(last)\", with \(error)")
        }
    }

    private func broke(_ promise: String, expected: Any, saw seen: Any) {
        broken.append("\(promise): expected \(Self.short(expected)), saw \(Self.short(seen))")
    }

    /// A value of many kilobytes says no more than its beginning.
    private static func short(_ value: Any) -> String {
        let text = "\(value)"
        return text.count > 300 ? "\(text.prefix(300))… (\(text.count) characters)" : text
    }
}
