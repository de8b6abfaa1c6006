import Foundation

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The pipe that the signal handler writes to: it may do little else. (POSIX: "async-signal-safe".)
// Safe: written once, before the handler is installed.
nonisolated(unsafe) private var writeEnd: Int32 = -1

/// SIGTERM and SIGINT.
///
/// They are handled, not ignored: a program that is started would inherit that.
enum Signals {
    /// Calls a closure at each signal, with its number from 1. To be called once.
    static func onEach(_ body: @escaping @Sendable (Int) -> Void) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        writeEnd = ends[1]
        for number in [SIGTERM, SIGINT] {
            signal(number) { _ in
                let saved = errno
                var byte: UInt8 = 0
                _ = write(writeEnd, &byte, 1)
                errno = saved
            }
        }
        let readEnd = ends[0]
        Thread.detachNewThread {
            var (byte, count): (UInt8, Int) = (0, 0)
            while true {
                let size = read(readEnd, &byte, 1)
                if size == 1 {
                    count += 1
                    body(count)
                } else if size == 0 || errno != EINTR {
                    return
                }
            }
        }
    }
}
