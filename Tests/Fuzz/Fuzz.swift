import Foundation
import FuzzChecks
import NIOConcurrencyHelpers

/// libFuzzer on one subject:  fuzz SUBJECT [OPTION OF LIBFUZZER]... [CORPUS]...
@main
struct Fuzz {
    static let subject = NIOLockedValueBox<FuzzSubject?>(nil)

    private static let variable = "FEDIFY_KV_FUZZ_SUBJECT"

    static func main() {
        // A process that libFuzzer starts itself, to merge, is recognized by the environment.
        var arguments = CommandLine.unsafeArgv
        var count = CommandLine.argc
        if let name = CommandLine.arguments.dropFirst().first, FuzzSubject(rawValue: name) != nil {
            setenv(Self.variable, name, 1)
            // libFuzzer knows nothing of the subject.
            arguments += 1
            arguments[0] = CommandLine.unsafeArgv[0]
            count -= 1
        }
        guard let subject = getenv(Self.variable).flatMap({ FuzzSubject(rawValue: String(cString: $0)) }) else {
            fatalError(
                "usage: fuzz \(FuzzSubject.allCases.map(\.rawValue).joined(separator: "|")) [OPTION]... [CORPUS]...")
        }
        Self.subject.withLockedValue { $0 = subject }
        _ = runDriver(&count, &arguments) { testOneInput($0, $1) }
    }
}

private typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

// The package manager renames a program's `main`, so that libFuzzer's own is never called: this is what it would do.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<Arguments>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// libFuzzer's own `main` names it.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let subject = Fuzz.subject.withLockedValue({ $0 }) else { return -1 }
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let failure = NIOLockedValueBox<(any Error)?>(nil)
    let done = DispatchSemaphore(value: 0)
    Task.detached {
        do {
            try await subject.check(input)
        } catch {
            failure.withLockedValue { $0 = error }
        }
        done.signal()
    }
    done.wait()
    // A crash is what libFuzzer keeps the input of.
    if let failure = failure.withLockedValue({ $0 }) { fatalError("\(failure)") }
    return 0
}
