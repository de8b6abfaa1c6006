import FedifyKv
import Foundation
import HostileServer
import NIOConcurrencyHelpers
import Testing

/// Servers that must not be trusted, against a client in a process of its own, whose threads have stacks of 512 KiB.
@Suite(.serialized) struct HostileServerTests {
    private static let password = "correct horse battery staple"
    private static let secret = "what the file has"
    private static let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    private static let deadline = Duration.seconds(2)

    /// Runs a body with a client of a server.
    private func withClient<T>(
        of server: FakeServer, _ body: (PipeProcess) async throws -> T
    ) async throws -> (T, exitCode: Int32) {
        defer { server.stop() }
        let password = Self.password.replacing(" ", with: "%20")
        let url =
            "mysql://user:\(password)@127.0.0.1:\(server.port)/db?pool-size=2&connect-timeout=2"
            + "&deadline=\(Self.deadline / .seconds(1))"
        let pipe = try PipeProcess(url: url, table: "fedify_kv", concurrency: 10, stackKilobytes: 512)
        let result = await Result { try await body(pipe) }
        pipe.close()
        return (try result.get(), pipe.exitCode)
    }

    /// The other tests would pass if no client were served.
    @Test func anHonestServerIsServed() async throws {
        let server = try FakeServer { connection in
            let session = FakeSession(connection)
            session.logIn()
            session.serve { _ in false }
        }
        let (found, exitCode) = try await withClient(of: server) { pipe in
            try await pipe.set(["k"], "v", ttl: nil)
            return try await pipe.get(["k"])?.json
        }
        #expect(found == "\"found\"")
        #expect(exitCode == 0)
    }

    /// Several at a time, as most of them are waited for.
    @Test func whatItDoesIsAnError() async throws {
        try Data(Self.secret.utf8).write(to: URL(fileURLWithPath: Self.file))
        defer { try? FileManager.default.removeItem(atPath: Self.file) }
        var hostilities = Hostility.all(askingFor: Self.file)[...]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for running in 0... {
                if running >= 4 { try await group.next() }
                guard let hostility = hostilities.popFirst() else { break }
                group.addTask { try await check(hostility) }
            }
            try await group.waitForAll()
        }
    }

    private func check(_ hostility: Hostility) async throws {
        let name = Comment(rawValue: hostility.description)
        let server = try FakeServer(hostility.serve)
        let (_, exitCode) = try await withClient(of: server) { pipe in
            let begun = ContinuousClock.now
            async let read = Result { _ = try await pipe.get(["k"]) }
            async let write = Result { try await pipe.set(["k"], "v", ttl: nil) }
            for result in [await read, await write] {
                do {
                    try result.get()
                    #expect(hostility.mayPass, name)
                } catch let error as KvError {
                    #expect(error.code != KvError.Code(rawValue: "ended"), name)
                    let controls = error.message.unicodeScalars.filter { $0.properties.generalCategory == .control }
                    #expect(controls.isEmpty, name)
                    #expect(!error.message.contains(Self.password), name)
                    #expect(error.message.count < 2000, name)
                }
            }
            // Half a second, and the margin of a busy machine.
            #expect(begun.duration(to: .now) < Self.deadline + .seconds(1.5), name)
            #if os(Linux)
                // Two connections have a packet's limit of 64 MiB each. AddressSanitizer has memory of its own.
                if ProcessInfo.processInfo.environment["ASAN_OPTIONS"] == nil {
                    let peak = try #require(pipe.peakMemory)
                    #expect(peak < (2 * 64 + 64) << 20, "\(hostility): \(peak >> 20) MiB")
                }
            #endif
        }
        // 0, and no signal.
        #expect(exitCode == 0, name)
        for text in [Self.password, Self.secret] {
            #expect(!String(decoding: server.received, as: UTF8.self).contains(text), name)
        }
    }

    /// The second answer must not be taken for that to the next question.
    @Test func anAnswerTooManyIsNobodysAnswer() async throws {
        let server = try FakeServer { connection in
            let session = FakeSession(connection)
            session.logIn()
            session.serve { command in
                guard case .execute(let sql) = command, sql.contains("`fedify_kv`") else { return false }
                // In one piece, so that the client reads both at once.
                connection.write(session.answer(rows: [["1"]]) + session.answer(rows: [["2"]]))
                return true
            }
        }
        let (answers, exitCode) = try await withClient(of: server) { pipe in
            var answers: [String?] = []
            for _ in 0..<3 { answers.append(try await pipe.get(["k"])?.json) }
            return answers
        }
        // Each on a connection of its own.
        #expect(answers == ["1", "1", "1"])
        #expect(exitCode == 0)
    }

    /// An error with an unknown outcome, 1180: a write that may be done twice is sent
    /// again, a swap is not.
    @Test func anErrorDuringCommitIsTriedAgainWhereThatIsSafe() async throws {
        let sent = NIOLockedValueBox(0)
        let server = try FakeServer { connection in
            let session = FakeSession(connection)
            session.logIn()
            session.serve { command in
                guard case .execute(let sql) = command, sql.contains("`fedify_kv`") else { return false }
                let number = sent.withLockedValue { sent in
                    sent += 1
                    return sent
                }
                guard number == 1 || number == 3 else { return false }
                connection.packet(1, FakeSession.error(1180, "Got error 149 during COMMIT"))
                return true
            }
        }
        let (error, exitCode) = try await withClient(of: server) { pipe in
            try await pipe.set(["k"], "v", ttl: nil)
            #expect(sent.withLockedValue(\.self) == 2)
            return await #expect(throws: KvError.self) { try await pipe.cas(["k"], expected: "v", new: "w", ttl: nil) }
        }
        #expect(error?.code == .outcomeUnknown)
        #expect(sent.withLockedValue(\.self) == 3)
        #expect(exitCode == 0)
    }
}
