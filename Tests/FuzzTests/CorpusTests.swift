import Foundation
import FuzzChecks
import Testing

/// Inputs that the fuzzer kept, and those that found a bug.
@Suite struct CorpusTests {
    @Test(arguments: FuzzSubject.allCases)
    func everyInputPasses(_ subject: FuzzSubject) async throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Corpus/\(subject)")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty, "the corpus is gone")
        for file in files {
            let input = try Array(Data(contentsOf: file))
            await #expect(throws: Never.self, "\(subject)/\(file.lastPathComponent)") { try await subject.check(input) }
        }
    }
}
