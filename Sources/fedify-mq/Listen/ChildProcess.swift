import Foundation
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A program that handles one message, which is on its standard input.
///
/// It is in a process group of its own, so that Ctrl-C at the terminal doesn't end it before its grace period is over,
/// and that a signal reaches the programs that it has started. (Not Foundation's `Process`: on Linux its children inherit
/// the blocked signals of the thread that starts them, SIGTERM among them.)
final class ChildProcess: Sendable {
    enum End: Sendable, Equatable, CustomStringConvertible {
        case exited(Int32)
        case killed(signal: Int32)

        var description: String {
            switch self {
            case .exited(let code): "ended with exit code \(code)"
            case .killed(let signal): "was ended by signal \(signal)"
            }
        }
    }

    /// It could not be started.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let process: pid_t
    private let input: Int32
    private let message: [UInt8]
    /// Its number may be another process's then.
    private let hasEnded = Mutex(false)
    /// One at a time: another program would inherit the ends of a pipe before they are marked.
    private static let starting = Mutex(())

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - arguments: The program, found in PATH, and its arguments.
    ///   - environment: All of its environment.
    ///   - message: What it reads.
    /// - Throws: ``Failure``.
    init(_ arguments: [String], environment: [String: String], message: [UInt8]) throws(Failure) {
        self.message = message
        let result = Self.starting.withLock { _ in
            Result { () throws(Failure) in try Self.start(arguments, environment) }
        }
        (process, input) = try result.get()
    }

    private static func start(
        _ arguments: [String], _ environment: [String: String]
    ) throws(Failure) -> (pid_t, Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw failure(errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
            close(ends[0])
        }
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
        var (none, defaults) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigemptyset(&defaults)
        for signal in [SIGTERM, SIGINT, SIGPIPE] { sigaddset(&defaults, signal) }
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETPGROUP)
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var process: pid_t = 0
        let code = withTexts(arguments) { arguments in
            withTexts(environment.map { "\($0)=\($1)" }) { environment in
                posix_spawnp(&process, arguments[0]!, &actions, &attributes, arguments, environment)
            }
        }
        guard code == 0 else {
            close(ends[1])
            throw failure(code)
        }
        return (process, ends[1])
    }

    private static func failure(_ code: Int32) -> Failure {
        Failure(description: "the command can't be started: \(String(cString: strerror(code)))")
    }

    /// Texts as C has them, with a null pointer at the end.
    private static func withTexts<T>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> T
    ) -> T {
        let pointers = texts.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers)
    }

    /// Hands it the message, and waits until it has ended. To be called once.
    func end() async -> End {
        await withCheckedContinuation { continuation in
            // A thread for each program, which costs less than the program.
            Thread.detachNewThread { continuation.resume(returning: self.wait()) }
        }
    }

    private func wait() -> End {
        writeMessage()
        var information = siginfo_t()
        // It is known by its number until it is waited for by `waitpid`.
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
        hasEnded.withLock { $0 = true }
        var status: Int32 = 0
        while waitpid(process, &status, 0) == -1, errno == EINTR {}
        // As `WIFEXITED`, `WEXITSTATUS` and `WTERMSIG`, which are macros.
        let signal = status & 0x7F
        return signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal)
    }

    /// It need not read it.
    private func writeMessage() {
        var rest = message[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                break
            }
        }
        close(input)
    }

    /// Asks it to end by SIGTERM, and ends it by SIGKILL after a while.
    func stop(killingAfter pause: Duration) {
        send(SIGTERM)
        Task {
            try? await Task.sleep(for: pause)
            self.send(SIGKILL)
        }
    }

    private func send(_ signal: Int32) {
        hasEnded.withLock { hasEnded in
            if !hasEnded { kill(-process, signal) }
        }
    }
}
