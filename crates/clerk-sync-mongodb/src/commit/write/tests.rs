use super::*;

/// What a server would refuse as too large is several commands, each statement in one of them and in order.
#[test]
fn a_command_has_its_largest_size() {
    const LARGEST: usize = 16 * 1024 * 1024;
    let statement = |n: i32, bytes: usize| Statement {
        filter: doc! { "_id": n },
        change: doc! { "$set": { "body": "x".repeat(bytes) } },
        replaces: false,
        many: false,
    };
    let sizes = [1_500_000; 14].into_iter().chain([10, 12_000_000, 10, 10]);
    let statements: Vec<Statement> = sizes.enumerate().map(|(n, bytes)| statement(n as i32, bytes)).collect();
    let commands = commands("clerk_delivery", &statements).unwrap();
    assert_eq!(commands.len(), 5);
    let mut ids = Vec::new();
    for command in &commands {
        assert!(command.as_bytes().len() < LARGEST);
        let command = Document::try_from(command.as_ref()).unwrap();
        let updates = command.get_array("updates").unwrap();
        ids.extend(
            updates
                .iter()
                .map(|one| one.as_document().unwrap().get_document("q").unwrap().get_i32("_id").unwrap()),
        );
    }
    assert_eq!(ids, (0..18).collect::<Vec<_>>());
}
