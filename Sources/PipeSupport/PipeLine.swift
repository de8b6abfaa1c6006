import FedifyJSON

/// A request's line: a JSON object.
package struct PipeLine: Sendable {
    /// Why a line is not a request.
    package struct Malformed: Error {
        package let message: String

        package init(message: String) {
            self.message = message
        }
    }

    /// The id's JSON text, which the answer repeats; `null` if there was none.
    package let id: String
    /// The other members' JSON texts.
    package let members: [String: String]

    /// - Throws: ``Malformed`` if the line isn't a JSON object.
    package init(_ line: [UInt8]) throws(Malformed) {
        guard let text = String(validating: line, as: UTF8.self) else {
            throw Malformed(message: "the line isn't UTF-8")
        }
        let document: JSONDocument
        do {
            document = try JSONDocument(text)
        } catch {
            throw Malformed(message: "the line isn't JSON: \(error)")
        }
        guard var members = document.members() else { throw Malformed(message: "the line isn't a JSON object") }
        id = members.removeValue(forKey: "id") ?? "null"
        self.members = members
    }

    /// Checks that an operation has used all members.
    package static func checkIsEmpty(_ members: [String: String]) throws(Malformed) {
        if let unknown = members.keys.min() {
            throw Malformed(message: "this operation knows no member \(unknown.prefix(40))")
        }
    }
}
