from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('translation', '0003_drafts_demanded'),
    ]

    operations = [
        migrations.AddField(
            model_name='demand',
            name='screen_s',
            field=models.FloatField(blank=True, help_text='How late sentences are on the screens of these readers, as they say.', null=True),
        ),
    ]
