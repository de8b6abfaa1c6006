import FedifyKv
import FedifyMySQL
import MySQLClient
import NIOConcurrencyHelpers
import Testing

/// Swaps that are decided together, while each statement of their transaction is made to fail on the way to the server.
/// Pipelined statements after it are executed all the same.
@Suite struct SwapTransactionTests {
    enum Step: Int, CaseIterable, Sendable {
        case start, lock, write, commit
    }

    enum Fault: CaseIterable, Sendable {
        /// An error that is final, as a trigger's: nothing else has happened.
        case refusal
        /// The row could not be locked in time: the transaction goes on.
        case lockWait
        /// The transaction is rolled back, so later statements are in none.
        case deadlock
        /// The connection breaks before the server has it.
        case cut
        /// The connection breaks before the client has the answer.
        case cutBehind

        var command: Proxy.Command {
            switch self {
            case .refusal: .statement("SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1644, MESSAGE_TEXT = 'refused'")
            case .lockWait: .statement("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1205, MESSAGE_TEXT = 'waited'")
            case .deadlock: .statement("CALL fedify_kv_deadlock()")
            case .cut: .cut
            case .cutBehind: .cutBehind
            }
        }

        static let deadlockProcedure = """
            CREATE PROCEDURE IF NOT EXISTS fedify_kv_deadlock() BEGIN ROLLBACK; \
            SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'deadlock'; END
            """
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let server: TestServer
        let step: Step
        let fault: Fault
        var testDescription: String { "\(server.testDescription), \(step): \(fault)" }

        static var all: [Case] {
            get async throws {
                try await TestServer.all.flatMap { server in
                    Step.allCases.flatMap { step in
                        Fault.allCases.map { Case(server: server, step: step, fault: $0) }
                    }
                }
            }
        }
    }

    /// Counts the commands of a transaction, and says when one of them has come, once.
    private struct Transaction {
        let awaited: Step
        var next: Step?
        var isArmed = false
        var happened = 0

        mutating func isReached(_ bytes: [UInt8]) -> Bool {
            let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
            if text == "START TRANSACTION" { next = .start }
            guard let step = next else { return false }
            next = Step(rawValue: step.rawValue + 1)
            guard isArmed, step == awaited else { return false }
            isArmed = false
            happened += 1
            return true
        }
    }

    /// A pool of one connection, in plain, so that the proxy can read along.
    private func pool(
        _ server: TestServer, by proxy: Proxy, _ change: (inout MySQLConfiguration) -> Void
    ) throws -> MySQLPool {
        try server.pool(1, through: proxy, isPlain: true, change)
    }

    /// Swaps eight keys at once, while a connection is kept busy so that they travel together.
    private func swap(_ kv: MySQLKvStore, from expected: Int, to new: Int) async throws -> [Result<Bool, any Error>] {
        let swaps = try await kv.pool.whileBusy {
            let swaps = (0..<8).map { key in
                Task { try await kv.cas(["k", "\(key)"], expected: expected, new: new) }
            }
            try await eventually { kv.pool.status.waiting == swaps.count }
            return swaps
        }
        var results: [Result<Bool, any Error>] = []
        for swap in swaps { results.append(await swap.result) }
        return results
    }

    @Test(arguments: try await Case.all)
    func aCallerIsToldWhatHasHappened(_ test: Case) async throws {
        let proxy = try Proxy(to: test.server.ports[0])
        defer { proxy.down() }
        let transaction = NIOLockedValueBox(Transaction(awaited: test.step))
        proxy.rewrite { bytes in
            transaction.withLockedValue { $0.isReached(bytes) } ? test.fault.command : .asItIs
        }
        try await test.server.withStore { direct, _ in
            for key in 0..<8 { try await direct.set(["k", "\(key)"], 0) }
            let pool = try pool(test.server, by: proxy) { $0.sessionSetup = [Fault.deadlockProcedure] }
            let kv = try MySQLKvStore(pool, options: direct.options)
            // Has the statements prepared.
            for result in try await swap(kv, from: 0, to: 1) { #expect(try result.get()) }
            transaction.withLockedValue { $0.isArmed = true }
            let results = try await swap(kv, from: 1, to: 2)
            #expect(transaction.withLockedValue(\.happened) == 1)
            for (key, result) in results.enumerated() {
                let present = try await direct.get(["k", "\(key)"], as: Int.self)
                switch result {
                case .success(let won):
                    #expect(won)
                    #expect(present == 2)
                case .failure(let error as KvError) where error.code == .outcomeUnknown:
                    // Only if the COMMIT may have been carried out, or an autocommitted swap.
                    #expect([.cut, .cutBehind].contains(test.fault) && test.step.rawValue >= Step.write.rawValue)
                    // The server reads the COMMIT, or finds the connection broken before it does.
                    #expect(present == 1 || present == 2 && test.fault == .cutBehind && test.step == .commit)
                case .failure(let error as KvError):
                    // A COMMIT that the server refuses is final, and nothing has happened.
                    #expect(test.step == .commit && test.fault == .refusal && error.code == .serverError, "\(error)")
                    #expect(present == 1)
                case .failure(let error): Issue.record(error)
                }
            }
            // No transaction is left open: others see what is written next.
            try await kv.set(["k", "0"], 3)
            #expect(try await direct.get(["k", "0"], as: Int.self) == 3)
            await pool.close()
        }
    }

    /// A swap whose deadline passes while others of its batch may still wait: if its caller was told that nothing was
    /// written, nothing is written later either.
    @Test(arguments: try await TestServer.all, Step.allCases)
    func whatRanOutOfTimeIsNotWrittenLater(_ server: TestServer, _ step: Step) async throws {
        let proxy = try Proxy(to: server.ports[0])
        defer { proxy.down() }
        let transaction = NIOLockedValueBox(Transaction(awaited: step))
        proxy.rewrite { bytes in
            // The server executes the statement, and its answer is lost.
            if transaction.withLockedValue({ $0.isReached(bytes) }) { proxy.hold() }
            return .asItIs
        }
        try await server.withStore { direct, _ in
            for key in 0..<8 { try await direct.set(["k", "\(key)"], 0) }
            let pool = try pool(server, by: proxy) { $0.operationTimeout = .seconds(2) }
            let kv = try MySQLKvStore(pool, options: direct.options)
            for result in try await swap(kv, from: 0, to: 1) { #expect(try result.get()) }
            transaction.withLockedValue { $0.isArmed = true }
            let (early, late) = try await pool.whileBusy {
                let early = (0..<4).map { key in Task { try await kv.cas(["k", "\(key)"], expected: 1, new: 2) } }
                try await eventually { pool.status.waiting == 4 }
                // Later requests have time left when the first have none.
                try await Task.sleep(for: .seconds(1))
                let late = (4..<8).map { key in Task { try await kv.cas(["k", "\(key)"], expected: 1, new: 2) } }
                try await eventually { pool.status.waiting == 8 }
                return (early, late)
            }
            var errors: [KvError] = []
            for task in early {
                if case .failure(let error as KvError) = await task.result { errors.append(error) }
            }
            #expect(errors.count == 4)
            proxy.release()
            for task in late { #expect(try await task.value) }
            let isUnknown = step == .write || step == .commit
            for (key, error) in errors.enumerated() {
                #expect(error.code == (isUnknown ? .outcomeUnknown : .deadlineExceeded))
                #expect(try await direct.get(["k", "\(key)"], as: Int.self) == (isUnknown ? 2 : 1))
            }
            await pool.close()
        }
    }
}
