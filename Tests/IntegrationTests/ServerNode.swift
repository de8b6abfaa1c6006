import Foundation
import Testing

/// A server's process that the tests' script started: it can be killed, and started again.
struct ServerNode: Sendable {
    struct NotRunning: Error {}

    /// The first lines of the script document the contents.
    let folder: String

    var socket: String { folder + "/socket" }

    /// The process; nil once it has ended.
    var processID: pid_t? {
        (try? String(contentsOfFile: folder + "/pid", encoding: .utf8)).flatMap {
            pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }

    func signal(_ number: Int32) throws {
        guard let processID, kill(processID, number) == 0 else { throw NotRunning() }
    }

    /// Ends the process at once, as a power cut of the machine's would, and waits until it is gone.
    func kill9() async throws {
        try signal(SIGKILL)
        try await eventually { processID == nil }
    }

    /// Limits the size of the files that the server writes, in bytes; nil: no more. Past it a write fails, as on a full
    /// disk, and the server isn't ended for it: the script that starts it sees to that.
    func limitFileSize(to limit: Int?) throws {
        guard let processID else { throw NotRunning() }
        let program = Process()
        program.executableURL = URL(filePath: "/usr/bin/env")
        program.arguments = ["prlimit", "--pid", "\(processID)", "--fsize=\(limit.map(String.init) ?? "unlimited"):"]
        try program.run()
        program.waitUntilExit()
        guard program.terminationStatus == 0 else { throw NotRunning() }
    }

    /// Starts the server again; it answers only some time later.
    func start() async throws {
        var pipe: Int32 = -1
        // The script opens its end once the process has ended.
        try await eventually {
            pipe = open(folder + "/again", O_WRONLY | O_NONBLOCK)
            return pipe >= 0
        }
        _ = write(pipe, "\n", 1)
        close(pipe)
    }
}
