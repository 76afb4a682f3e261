//! Records that want the same thing, and users who lack what others have.

use anyhow::{Context, Result, ensure};
use clerk_sync_emulator::{NewUser, Weather};
use futures_util::future::join_all;

use super::scene::Scene;
use crate::rig::somebody;

pub(super) async fn email_reused(scene: &mut Scene) -> Result<()> {
    scene.open(Weather { webhook_drop: 1.0, ..Weather::default() }).await?;
    let old = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    scene.deliver(&scene.message(&old, "user.created")?).await?;
    scene.delete(&old)?;
    let new = scene.sign_up(somebody("Ada", "ada@example.com"))?;
    scene.deliver(&scene.message(&new, "user.created")?).await?;
    let rows = scene.rig()?.rows().await?;
    let holder = rows.record(&new.id).and_then(|record| record.email.as_ref());
    ensure!(holder.is_some(), "the new user has not got the address");
    let answer = scene.expect_me(&new, 200).await?;
    ensure!(answer.body["data"]["email"] == "ada@example.com", "the new user lacks the address");
    scene.deliver(&scene.message(&old, "user.deleted")?).await?;
    let rows = scene.expect_rows(&[&new]).await?;
    ensure!(rows.is_gone(&old.id), "the old user is not gone");
    scene.expect_me(&new, 200).await?;
    Ok(())
}

pub(super) async fn two_first_users(scene: &mut Scene) -> Result<()> {
    scene.open(Weather { webhook_delay_ms: [0, 50], ..Weather::default() }).await?;
    let mut people = vec![];
    for number in 0..20 {
        people.push(scene.sign_up(somebody("Ada", &format!("ada{number}@example.com")))?);
    }
    let rig = scene.rig()?;
    let answers = join_all(people.iter().map(|person| rig.me(person))).await;
    for answer in answers {
        let answer = answer?;
        ensure!(answer.status == 200, "one of the first users was answered {}", answer.shown());
    }
    let everybody: Vec<_> = people.iter().collect();
    let rows = scene.expect_rows(&everybody).await?;
    ensure!(rows.admins() == 1, "there are {} administrators", rows.admins());
    scene.note("database", "one administrator");
    Ok(())
}

pub(super) async fn phone_only(scene: &mut Scene) -> Result<()> {
    scene.open(Weather { webhook_delay_ms: [300, 300], ..Weather::default() }).await?;
    for number in ["+15555550101", "+15555550102"] {
        let new = NewUser { phone_number: vec![number.to_owned()], ..NewUser::default() };
        let id = scene.rig()?.clerk.create_user(new)?;
        let session = scene.rig()?.clerk.create_session(&id)?;
        let person = crate::rig::Person { id, session };
        let answer = scene.expect_me(&person, 200).await?;
        ensure!(answer.body["data"]["email"].is_null(), "an e-mail address came out of nowhere");
        ensure!(answer.body["data"]["phone"] == number, "the phone number is missing");
        let expected = format!("user_{}", &person.id[person.id.len() - 8..]);
        ensure!(answer.body["data"]["username"] == expected.as_str(), "the derived username is another one");
    }
    let rows = scene.settled().await?;
    ensure!(rows.live().count() == 2, "not both have a row");
    Ok(())
}

pub(super) async fn two_johns(scene: &mut Scene) -> Result<()> {
    scene.open(Weather { webhook_delay_ms: [0, 100], ..Weather::default() }).await?;
    let one = scene.sign_up(somebody("John", "john.one@example.com"))?;
    let two = scene.sign_up(somebody("John", "john.two@example.com"))?;
    scene.expect_me(&one, 200).await?;
    scene.expect_me(&two, 200).await?;
    let rows = scene.expect_rows(&[&one, &two]).await?;
    let mut names: Vec<_> =
        rows.live().filter_map(|record| record.username.as_ref()).map(|name| name.as_str().len()).collect();
    names.sort_unstable();
    ensure!(
        names == ["John".len(), "John_12345678".len()],
        "the usernames are not John and John with a suffix"
    );
    Ok(())
}

pub(super) async fn same_version(scene: &mut Scene) -> Result<()> {
    // Clerk's clock shows whole minutes: whatever changes within one carries the same version.
    scene.open(Weather { webhook_drop: 1.0, version_grain_ms: 60_000, ..Weather::default() }).await?;
    for (first, second) in [(0, 1), (1, 0)] {
        let email = format!("ada{first}@example.com");
        let ada = scene.sign_up(somebody("Ada", &email))?;
        scene.rename(&ada, "Augusta")?;
        let created = scene.message(&ada, "user.created")?;
        let updated = scene.messages(&ada, "user.updated")?.pop().context("there is no user.updated")?;
        let both = [created, updated];
        for index in [first, second] {
            scene.deliver(&both[index]).await?;
        }
        let rows = scene.settled().await?;
        let record = rows.record(&ada.id).context("no row")?;
        ensure!(
            record.profile.first_name.as_deref() == Some("Augusta"),
            "the wrong one of two equal versions stayed"
        );
        scene.note("database", "the row is as Clerk has it");
        scene.expect_me(&ada, 200).await?;
    }
    Ok(())
}
