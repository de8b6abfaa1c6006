/// The checked promises, and the broken ones.
package final class ContractRecorder {
    /// An error of a closure's.
    package struct Thrown: Error, Equatable {
        package init() {}
    }

    package private(set) var broken: [String] = []
    /// The promise that was looked at last.
    private var last = "the beginning"

    package init() {}

    /// A promise that an operation succeeds, with this result.
    package func expect<T: Equatable>(
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
    package func succeeds(_ promise: String, _ operation: () async throws -> Void) async {
        last = promise
        do {
            try await operation()
        } catch {
            broke(promise, expected: "no error", saw: error)
        }
    }

    /// A promise that an operation is refused: with an error that has this code.
    package func refuses<Code: Equatable>(
        _ promise: String, _ code: Code, in codeOf: (any Error) -> Code?, _ operation: () async throws -> Void
    ) async {
        last = promise
        do {
            try await operation()
            broke(promise, expected: "the error \(code)", saw: "none")
        } catch {
            if codeOf(error) != code { broke(promise, expected: "the error \(code)", saw: error) }
        }
    }

    /// A promise that an operation throws what its closure threw.
    package func throwsThrown(_ promise: String, _ operation: () async throws -> Void) async {
        last = promise
        do {
            try await operation()
            broke(promise, expected: "the closure's error", saw: "none")
        } catch is Thrown {
        } catch {
            broke(promise, expected: "the closure's error", saw: error)
        }
    }

    /// A group of promises; what follows an error within it can't be checked.
    package func group(_ name: String, _ check: (ContractRecorder) async throws -> Void) async {
        do {
            try await check(self)
        } catch {
            broken.append("no operation fails here: the check of \(name) ended, after \"\(last)\", with \(error)")
        }
    }

    /// Ends the check. The title is the one of the ``ContractViolation``.
    ///
    /// - Throws: ``ContractViolation``, if a promise was broken.
    package func report(_ title: String) throws {
        if !broken.isEmpty { throw ContractViolation(title: title, promises: broken) }
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
